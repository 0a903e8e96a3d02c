import { type CachingTokenProvider, createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ReceivedRequest,
  type Reply,
  startProtectedResource,
} from '@mca-auth/testing'
import { expect, vi } from 'vitest'
import type { Running, Subject } from './subjects.ts'

/** Two servers, and one client that calls a path of the resource. */
interface Scene {
  readonly server: AuthorizationServer
  readonly resource: ProtectedResource
  readonly provider: CachingTokenProvider
  readonly client: string
  call(path?: string, options?: { readonly method?: 'GET' | 'POST'; readonly timeoutMs?: number }): Promise<number>
}

/** A fault of a resource, and what the caller of a request must see of it. */
export interface ResourceFault {
  readonly fault: string
  readonly sees: string
  readonly options?: (server: AuthorizationServer) => Partial<McaAuthOptions>
  /** The response of the resource, which then does not check the token. */
  readonly intercept?: (request: ReceivedRequest, refused: string | undefined) => Reply | undefined
  readonly run: (scene: Scene) => Promise<void>
}

const bearer = 'Bearer scope="appid_default", error="invalid_token"'
const refuse = (challenge?: string): Reply => ({
  status: 401,
  ...(challenge !== undefined && { headers: { 'www-authenticate': challenge } }),
  body: 'refused',
})

/** A 401 for the first token, with this challenge; anything else is fine. */
const refusesFirst = (challenge?: string) => (request: ReceivedRequest, first: string | undefined) =>
  request.headers.authorization === first ? refuse(challenge) : { body: 'ok' }

const replaced = async ({ call, server }: Scene) => {
  expect(await call()).toBe(200)
  expect(server.tokenRequests).toBe(2)
}
const untouched =
  (status: number) =>
  async ({ call, server, resource }: Scene) => {
    for (const _ of [1, 2, 3]) expect(await call()).toBe(status)
    expect(server.tokenRequests).toBe(1)
    expect(resource.received).toHaveLength(3)
  }

const challenged: [string, string | undefined][] = [
  ['two challenges in one header', 'Basic realm="a, Bearer", Bearer error="invalid_token"'],
  ['a scheme in lower case', 'bearer error="invalid_token"'],
  ['unquoted values', 'Bearer error=invalid_token'],
  ["App ID's form without a comma", 'Bearer scope="appid_default" error="invalid_token"'],
  ["MCA's", 'Bearer realm="imfAuthentication", error="invalid_token"'],
  ['a Basic challenge alone', 'Basic realm="x"'],
  ['no challenge', undefined],
]

const challenges: ResourceFault[] = challenged.map(([name, challenge]) => ({
  fault: `401 with ${name}`,
  sees: 'nothing: the token is replaced and the request resent, even a POST',
  intercept: refusesFirst(challenge),
  run: async (scene: Scene) => {
    expect(await scene.call('/', { method: 'POST' })).toBe(200)
    expect(scene.server.tokenRequests).toBe(2)
  },
}))

const tenMegabytes = Buffer.alloc(10_000_000, 'x')

export const resourceFaults: readonly ResourceFault[] = [
  ...challenges,
  {
    fault: '401 for insufficient_scope',
    sees: 'the 401; the token stays',
    intercept: () => refuse('Bearer error="insufficient_scope", scope="admin"'),
    run: untouched(401),
  },
  ...['invalid_request', 'insufficient_user_authentication'].map((error) => ({
    fault: `401 for ${error}`,
    sees: 'the 401; the token stays',
    intercept: () => refuse(`Bearer error="${error}"`),
    run: untouched(401),
  })),
  {
    fault: '403 for invalid_token',
    sees: 'nothing: the token is replaced and the request resent, even a POST',
    intercept: (request, first) => {
      const reply = refusesFirst('Bearer error="invalid_token"')(request, first)
      return 'status' in reply ? { ...reply, status: 403 } : reply
    },
    run: replaced,
  },
  {
    fault: '403',
    sees: 'the 403; the token stays',
    intercept: () => ({ status: 403, body: 'no' }),
    run: untouched(403),
  },
  {
    fault: '401 for every token, 200 requests',
    sees: 'the 401; four token requests, and one more every 15 s, even if working routes are called in between',
    intercept: ({ path }) => (path === '/bad' ? refuse(bearer) : { body: 'ok' }),
    run: async ({ call, server }) => {
      for (let i = 0; i < 100; i++) {
        expect(await call('/bad')).toBe(401)
        expect(await call('/good')).toBe(200)
      }
      expect(server.tokenRequests).toBe(1 + 4)
      vi.setSystemTime(Date.now() + 31_000)
      for (let i = 0; i < 20; i++) expect(await call('/bad')).toBe(401)
      expect(server.tokenRequests).toBe(1 + 4 + 2)
    },
  },
  {
    fault: 'the same token is issued again after a 401',
    sees: 'the 401; no loop',
    intercept: () => refuse(bearer),
    run: async ({ call, server, resource }) => {
      server.reissue = true
      for (let i = 0; i < 20; i++) expect(await call()).toBe(401)
      expect(server.tokenRequests).toBeLessThanOrEqual(1 + 4)
      expect(resource.received).toHaveLength(20)
    },
  },
  {
    fault: 'the connection is reset while the request is resent',
    sees: "the client's own error; the next request succeeds with the new token",
    intercept: (request, first) => {
      if (request.headers.authorization === first) return refuse(bearer)
      return request.path === '/reset' ? { reset: 'headers' } : { body: 'ok' }
    },
    run: async ({ call, server }) => {
      await expect(call('/reset')).rejects.toThrow(/socket|ECONNRESET|hang up|fetch failed|closed/)
      expect(await call()).toBe(200)
      expect(server.tokenRequests).toBe(2)
    },
  },
  {
    fault: '401 with a body of 10 MB',
    sees: 'nothing; undici drops the connection after 64 KiB, fetch at once; axios and got read it, as without the plugin',
    intercept: (request, first) =>
      request.headers.authorization === first ? { ...refuse(bearer), body: tenMegabytes } : { body: 'ok' },
    run: replaced,
  },
  {
    fault: '401 whose body never ends',
    sees: 'undici and fetch: nothing, the connection is dropped after 1 s at most; axios and got: their own timeout, as without the plugin',
    intercept: (request, first) =>
      request.headers.authorization === first ? { ...refuse(bearer), hang: 'body' } : { body: 'ok' },
    run: async (scene) => {
      if (scene.client !== 'axios' && scene.client !== 'got') return replaced(scene)
      await expect(scene.call('/', { timeoutMs: 300 })).rejects.toThrow(/[Tt]imeout|aborted/)
    },
  },
  {
    fault: 'every token is revoked',
    sees: 'nothing',
    run: async ({ call, server }) => {
      expect(await call()).toBe(200)
      for (let i = 1; i <= 3; i++) {
        server.revokeAll()
        expect(await call()).toBe(200)
        expect(server.tokenRequests).toBe(1 + i)
      }
    },
  },
  {
    fault: 'the wall clock jumps a day forward and back',
    sees: 'nothing; at most one refresh per jump',
    run: async ({ call, server, provider }) => {
      expect(await call()).toBe(200)
      for (const [i, day] of [1, -1, 1, -1].entries()) {
        vi.setSystemTime(Date.now() + day * 24 * 3600_000)
        for (let j = 0; j < 5; j++) {
          expect(await call()).toBe(200)
          await vi.waitFor(() => expect(provider.health().flights).toBe(0))
        }
        expect(server.tokenRequests).toBeLessThanOrEqual(2 + i)
      }
    },
  },
  {
    fault: 'the machine sleeps until after the token has expired',
    sees: 'nothing; one refresh',
    run: async ({ call, server }) => {
      expect(await call()).toBe(200)
      vi.setSystemTime(Date.now() + 8 * 3600_000)
      expect(await Promise.all([call(), call(), call()])).toEqual([200, 200, 200])
      expect(server.tokenRequests).toBe(2)
    },
  },
  {
    fault: "the server's clock is 10 minutes off, and it sends no expires_in",
    sees: 'nothing; the lifetime is computed from its Date header',
    intercept: () => ({ body: 'ok' }),
    run: async ({ call, server, provider }) => {
      for (const minutes of [10, -10]) {
        provider.clear()
        const now = Date.now() + minutes * 60_000
        const claims = Buffer.from(JSON.stringify({ exp: now / 1000 + 600 })).toString('base64url')
        server.script({ headers: { date: new Date(now).toUTCString() }, body: { access_token: `e30.${claims}.x` } })
        expect(await call()).toBe(200)
        const left = (provider.health().token?.expiresAt ?? 0) - Date.now()
        expect(Math.abs(left - 600_000)).toBeLessThan(60_000)
      }
    },
  },
  {
    fault: 'the secret is rotated while a refresh is in flight',
    sees: 'nothing: the secret function is called again',
    options: (server) => ({ secret: () => server.secret }),
    run: async ({ call, server }) => {
      server.delayMs = 50
      const first = call()
      await vi.waitFor(() => expect(server.tokenRequests).toBe(1))
      server.rotateSecret('new-fake-secret')
      expect(await first).toBe(200)
      server.rotateSecret('newer-fake-secret')
      server.revokeAll()
      expect(await call()).toBe(200)
    },
  },
  {
    fault: 'two secrets are valid for a while, then the old one is not',
    sees: 'nothing',
    options: (server) => ({ secret: () => server.secret }),
    run: async ({ call, server }) => {
      server.rotateSecret('new-fake-secret', { keepOld: true })
      expect(await call()).toBe(200)
      server.rotateSecret('new-fake-secret')
      server.revokeAll()
      expect(await call()).toBe(200)
      expect(server.tokenRequests).toBe(2)
    },
  },
]

/** Sets up one fault for one client, runs it and cleans up. */
export async function play(fault: ResourceFault, subject: Subject, server: AuthorizationServer): Promise<void> {
  let first: string | undefined
  const resource = await startProtectedResource({
    authorizationServer: server,
    intercept: (request) => {
      first ??= request.headers.authorization
      return fault.intercept?.(request, first)
    },
  })
  const provider = createTokenProvider({ ...server.appId, timeoutMs: 60_000, ...fault.options?.(server) })
  const running: Running = subject.start(provider)
  try {
    const call: Scene['call'] = (path = '/', options = {}) => running.call(`${resource.origin}${path}`, options)
    await fault.run({ server, resource, provider, client: subject.name, call })
  } finally {
    provider.close()
    await running[Symbol.asyncDispose]()
    await resource.close()
  }
}
