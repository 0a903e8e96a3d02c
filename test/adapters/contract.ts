import { inspect } from 'node:util'
import { createTokenProvider, type McaAuthOptions, type TokenProvider } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ProtectedResourceOptions,
  type ReceivedRequest,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { redirectContract } from './redirect-contract.ts'

export interface Init {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

interface Answer {
  readonly status: number
  readonly text: string
  /** What the client's user gets: a response, or the error that carries one. */
  readonly raw: unknown
}

/** A client with one or more `mcaAuth()` on it. Sending throws where there is no answer. */
export interface Session extends AsyncDisposable {
  send(url: string, init?: Init): Promise<Answer>
}

/** One way to make requests with one client, and what that way can do. */
export interface Client {
  readonly name: string
  start(...attached: (McaAuthOptions | TokenProvider)[]): Session
  /** Bodies that it can send again, and how they arrive. */
  readonly resendable: Record<string, () => readonly [body: unknown, arrives: string | RegExp]>
  /** Bodies that it can't. */
  readonly oneShot: Record<string, () => unknown>
  readonly followsRedirects: boolean
  /** Gives no way to see that a redirect has led to another origin. */
  readonly hidesFinalOrigin?: boolean
  /** Which of two that match attaches. @default the first */
  readonly lastWins?: boolean
}

const json = { 'content-type': 'application/json' }

export function contract(client: Client): void {
  describe(client.name, () => {
    let server: AuthorizationServer
    const open: AsyncDisposable[] = []

    beforeEach(async () => {
      server = await startAuthorizationServer()
      open.push(server)
    })

    afterEach(async () => {
      vi.useRealTimers()
      // Clients before servers.
      for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]()
    })

    /** Its providers are closed in the end: a refresh that went on would soon find another server on the same port. */
    function start(...attached: (McaAuthOptions | TokenProvider)[]): Session {
      const providers = attached.map((one) => ('getToken' in one ? one : createTokenProvider(one)))
      const session = client.start(...providers)
      open.push(...providers, session)
      return session
    }

    async function resourceOf(options: Partial<ProtectedResourceOptions> = {}): Promise<ProtectedResource> {
      const resource = await startProtectedResource({ authorizationServer: server, ...options })
      open.push(resource)
      return resource
    }

    it('attaches the header to every request', async () => {
      const resource = await resourceOf()
      await using session = client.start(server.appId)
      for (const path of ['/a', '/b?c=d']) {
        const answer = await session.send(`${resource.origin}${path}`)
        expect(answer.status).toBe(200)
      }
      expect(resource.received.map((request) => request.path)).toEqual(['/a', '/b?c=d'])
      expect(server.tokenRequests).toBe(1)
    })

    it('attaches it for MCA as for App ID', async () => {
      const resource = await resourceOf({ challenge: 'mca' })
      const session = start(server.mca)
      expect((await session.send(resource.origin)).status).toBe(200)
      server.revokeAll()
      expect((await session.send(resource.origin)).status).toBe(200)
      expect(server.tokenRequests).toBe(2)
    })

    it('makes one token request for 200 concurrent first requests', async () => {
      const resource = await resourceOf({ intercept: accept })
      server.delayMs = 50
      const session = start(server.appId)
      const answers = await Promise.all(Array.from({ length: 200 }, () => session.send(resource.origin)))
      expect(answers.every((answer) => answer.status === 200)).toBe(true)
      expect(resource.received.every((request) => request.headers.authorization?.startsWith('Bearer ey'))).toBe(true)
      expect(server.tokenRequests).toBe(1)
    })

    it('refreshes a stale token behind the callers, none of whom waits', async () => {
      vi.useFakeTimers({ toFake: ['Date'] })
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      const first = resource.received[0]?.headers.authorization
      vi.setSystemTime(Date.now() + (3600 - 120) * 1000)
      server.script({ hang: 'headers' })
      await Promise.all(Array.from({ length: 20 }, () => session.send(resource.origin)))
      expect(resource.received.every((request) => request.headers.authorization === first)).toBe(true)
      await vi.waitFor(() => expect(server.tokenRequests).toBe(2))
    })

    it('waits for a new token where the old one has expired', async () => {
      vi.useFakeTimers({ toFake: ['Date'] })
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      vi.setSystemTime(Date.now() + 3600 * 1000)
      const answers = await Promise.all(Array.from({ length: 20 }, () => session.send(resource.origin)))
      expect(answers.every((answer) => answer.status === 200)).toBe(true)
      expect(server.tokenRequests).toBe(2)
      expect(resource.answers.get(401)).toBeUndefined()
    })

    it('replays a request whose token was refused, once', async () => {
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      server.revokeAll()
      expect((await session.send(`${resource.origin}/again`)).status).toBe(200)
      expect(resource.received.map((request) => request.path)).toEqual(['/', '/again', '/again'])
      expect(server.tokenRequests).toBe(2)
    })

    it.each(Object.entries(client.resendable))('replays a POST with a body of %s', async (_name, make) => {
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      server.revokeAll()
      const [body, arrives] = make()
      const answer = await session.send(resource.origin, { method: 'POST', body })
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.text).body).toMatch(arrives)
      expect(resource.received).toHaveLength(3)
    })

    it.each(Object.entries(client.oneShot))('passes the 401 on where the body is %s', async (_name, make) => {
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      server.revokeAll()
      const answer = await session.send(resource.origin, { method: 'POST', body: make() })
      expect(answer).toMatchObject({ status: 401, text: 'Unauthorized' })
      expect(resource.received).toHaveLength(2)
      expect((await session.send(resource.origin)).status).toBe(200)
      expect(resource.received).toHaveLength(3) // the refused token was dropped all the same
    })

    it('replays a POST only on a Bearer challenge, and a GET also without one', async () => {
      let challenge: string | undefined
      let refused: string | undefined
      const resource = await resourceOf({
        intercept: (request) => {
          refused ??= request.headers.authorization
          if (request.headers.authorization !== refused) return accept(request)
          return { status: 401, ...(challenge && { headers: { 'www-authenticate': challenge } }), body: 'no' }
        },
      })
      const post = { method: 'POST', body: '{}', headers: json }
      expect((await start(server.appId).send(resource.origin)).status).toBe(200)

      refused = undefined
      const session = start(server.appId)
      expect(await session.send(resource.origin, post)).toMatchObject({ status: 401, text: 'no' })
      expect((await session.send(resource.origin, post)).status).toBe(200) // dropped all the same

      refused = undefined
      challenge = 'bearer error=invalid_token'
      expect((await start(server.appId).send(resource.origin, post)).status).toBe(200)
    })

    it('takes a challenge of another scheme alone as none of its business', async () => {
      const resource = await resourceOf({
        intercept: () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="bearer"' }, body: 'no' }),
      })
      const session = start(server.appId)
      for (const _ of [1, 2]) expect((await session.send(resource.origin)).status).toBe(401)
      expect(resource.received).toHaveLength(2)
      expect(server.tokenRequests).toBe(1)
    })

    it('leaves insufficient_scope alone', async () => {
      const resource = await resourceOf({ scope: 'read write' })
      const session = start(server.appId)
      for (const _ of [1, 2]) expect((await session.send(resource.origin)).status).toBe(401)
      expect(resource.received).toHaveLength(2)
      expect(server.tokenRequests).toBe(1)
    })

    it('makes one token request for 20 late 401s', async () => {
      let revoked: string | undefined
      const resource = await resourceOf({
        intercept: (request) =>
          request.headers.authorization === revoked
            ? { status: 401, headers: bearer, body: 'late', delayMs: 10 + 7 * resource.received.length }
            : accept(request),
      })
      const session = start(server.appId)
      await session.send(resource.origin)
      revoked = resource.received[0]?.headers.authorization
      const answers = await Promise.all(Array.from({ length: 20 }, () => session.send(resource.origin)))
      expect(answers.every((answer) => answer.status === 200)).toBe(true)
      expect(server.tokenRequests).toBe(2)
    })

    it('makes no storm where every fresh token is refused, also with good routes in between', async () => {
      const resource = await resourceOf({
        intercept: ({ path }) => (path === '/bad' ? { status: 401, headers: bearer, body: 'never' } : undefined),
      })
      const session = start(server.appId)
      for (let i = 0; i < 20; i++) {
        expect(await session.send(`${resource.origin}/bad`)).toMatchObject({ status: 401, text: 'never' })
        expect((await session.send(`${resource.origin}/good`)).status).toBe(200)
      }
      expect(server.tokenRequests).toBe(1 + 4)
      expect(resource.received.filter(({ path }) => path === '/bad')).toHaveLength(20 + 4)
      const other = await resourceOf()
      server.revokeAll()
      expect((await session.send(other.origin)).status).toBe(200) // another origin recovers from its own 401
    })

    it('passes the 401 on where the server gives the refused token again', async () => {
      server.reissue = true
      const resource = await resourceOf({ intercept: () => ({ status: 401, headers: bearer, body: 'same' }) })
      const session = start(server.appId)
      expect(await session.send(resource.origin)).toMatchObject({ status: 401, text: 'same' })
      expect(resource.received).toHaveLength(1)
      expect(server.tokenRequests).toBe(2)
    })

    it('passes the 401 on where no other token can be had', async () => {
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      server.revokeAll()
      server.rotateSecret('another-fake-secret')
      expect(await session.send(resource.origin)).toMatchObject({ status: 401, text: 'Unauthorized' })
      expect(resource.received).toHaveLength(2)
    })

    it('fails a request that can have no token, and does not send it', async () => {
      const resource = await resourceOf()
      const session = start({ ...server.appId, secret: 'wrong-fake-secret' })
      const error = await failure(session.send(resource.origin))
      expect(codeOf(error)).toBe('TOKEN_REQUEST_REFUSED')
      expect(codeOf(await failure(session.send(resource.origin)))).toBe('TOKEN_REQUEST_REFUSED')
      expect(resource.received).toHaveLength(0)
      expect(server.tokenRequests).toBe(1) // remembered
    })

    it("ends a wait for a token at once when the caller aborts, and that caller's only", async () => {
      const resource = await resourceOf()
      let answer: () => void = () => {}
      const answered = new Promise<void>((resolve) => {
        answer = resolve
      })
      const slow: typeof fetch = (url, init) => answered.then(() => fetch(url, init))
      const session = start({ ...server.appId, fetch: slow, timeoutMs: 100_000 })
      const controller = new AbortController()
      const other = session.send(resource.origin)
      const aborted = failure(session.send(`${resource.origin}/aborted`, { signal: controller.signal }))
      await new Promise((resolve) => setTimeout(resolve, 50))
      controller.abort()
      expect(await aborted).toBeInstanceOf(Error) // while there is no token yet
      answer()
      expect((await other).status).toBe(200)
      expect(resource.received.map(({ path }) => path)).toEqual(['/'])
      expect(server.tokenRequests).toBe(1)
    })

    it("lets the caller's own header win", async () => {
      const resource = await resourceOf({ intercept: accept })
      const session = start(server.appId)
      await session.send(resource.origin, { headers: { AUTHORIZATION: 'Custom mine' } })
      expect(resource.received[0]?.headers.authorization).toBe('Custom mine')
      expect(server.tokenRequests).toBe(0)
    })

    it('refuses plain http beyond loopback, unless told otherwise', async () => {
      const resource = await resourceOf()
      const url = resource.origin.replace('127.0.0.1', 'api.mca-auth.test')
      const error = await failure(start(server.appId).send(url))
      expect(codeOf(error)).toBe('INSECURE_TRANSPORT')
      expect(resource.received).toHaveLength(0)
      const session = start({ ...server.appId, allowInsecureRequests: true })
      expect((await session.send(url)).status).toBe(200)
    })

    it('leaves an origin that is not listed untouched, over plain http too', async () => {
      const listed = await resourceOf()
      const unlisted = await resourceOf({ intercept: accept })
      const session = start({ ...server.appId, origins: [listed.origin, 'https://api.example.com'] })
      expect((await session.send(listed.origin)).status).toBe(200)
      for (const host of ['127.0.0.1', 'localhost', 'api.mca-auth.test']) {
        await session.send(unlisted.origin.replace('127.0.0.1', host))
      }
      expect(unlisted.received).toHaveLength(3)
      expect(unlisted.received.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    })

    it('asks `tokenRequest` which scope a request needs, and whether it needs a token', async () => {
      const seen: string[] = []
      const resource = await resourceOf({
        intercept: ({ path, headers }) => (path === '/public' && !headers.authorization ? { body: 'open' } : undefined),
      })
      const session = start({
        ...server.appId,
        tokenRequest: ({ url, method }) => {
          seen.push(`${method} ${url.origin === resource.origin} ${url.pathname}`)
          return url.pathname !== '/public' && { scope: url.pathname.slice(1) }
        },
      })
      expect((await session.send(`${resource.origin}/public`)).text).toBe('open')
      expect(server.tokenRequests).toBe(0)
      for (const path of ['/read', '/write', '/read']) await session.send(`${resource.origin}${path}`)
      expect(server.tokenRequests).toBe(2)
      expect(seen).toEqual(['GET true /public', 'GET true /read', 'GET true /write', 'GET true /read'])
      const scopes = resource.received.slice(1).map(({ headers }) => claimsOf(headers.authorization).scope)
      expect(scopes).toEqual(['appid_default read', 'appid_default write', 'appid_default read'])
    })

    it('refuses an asynchronous `tokenRequest` instead of taking its promise for a request', async () => {
      const resource = await resourceOf()
      const session = start({ ...server.appId, tokenRequest: (async () => false) as never })
      expect(inspect(await failure(session.send(resource.origin)))).toContain('tokenRequest')
      expect(resource.received).toHaveLength(0)
    })

    it('of two on one client, the one whose origins match attaches, and of two that match one', async () => {
      const [one, two] = [await resourceOf(), await resourceOf()]
      const first = { ...server.appId, scope: 'first', origins: one.origin }
      const second = { ...server.appId, scope: 'second' }
      const session = start(first, second)
      expect((await session.send(two.origin)).status).toBe(200)
      expect(claimsOf(two.received[0]?.headers.authorization).scope).toBe('appid_default second')
      expect((await session.send(one.origin)).status).toBe(200)
      const winner = client.lastWins ? 'second' : 'first'
      expect(claimsOf(one.received[0]?.headers.authorization).scope).toBe(`appid_default ${winner}`)
      server.revokeAll()
      expect((await session.send(one.origin)).status).toBe(200)
      expect((await session.send(two.origin)).status).toBe(200)
    })

    it('keeps tokens and secrets out of errors', async () => {
      const resource = await resourceOf({
        intercept: ({ path }) => {
          if (path === '/reset') return { reset: 'headers' }
          return path === '/refuse' ? { status: 401, headers: bearer, body: 'no' } : { status: 418, body: 'teapot' }
        },
      })
      const provider = createTokenProvider(server.appId)
      const session = start(provider)
      const shown: unknown[] = [session]
      for (const path of ['/teapot', '/refuse', '/reset']) {
        shown.push(
          await session.send(`${resource.origin}${path}`).then(
            (answer) => answer.raw,
            (error) => error,
          ),
        )
      }
      const closed = await resourceOf()
      await closed.close()
      shown.push(await failure(session.send(closed.origin)))
      shown.push(await failure(start({ ...server.appId, secret: 'wrong-fake-secret' }).send(resource.origin)))
      shown.push(provider, await provider.getToken(), provider.health())
      for (const value of shown) {
        const texts = [inspect(value, { depth: Number.POSITIVE_INFINITY, maxArrayLength: null }), String(value)]
        texts.push(JSON.stringify(value, once()) ?? '', (value as Error).stack ?? '')
        for (const text of texts) {
          expect(text).not.toMatch(/eyJ|fake-secret|not-a-real-secret|[Bb]asic [A-Za-z0-9]/)
        }
      }
    })

    redirectContract(client, () => server, start, resourceOf)
  })
}

export const bearer = { 'www-authenticate': 'Bearer scope="appid_default", error="invalid_token"' }

export function accept(_request: ReceivedRequest): { body: string } {
  return { body: 'ok' }
}

export function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`expected a failure, got ${inspect(value)}`)
    },
    (error: unknown) => error,
  )
}

/** Clients wrap our error in their own; the built-in fetch keeps it as the cause. */
function codeOf(error: unknown): unknown {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return typeof code === 'string' && /^(TOKEN|INSECURE|MISSING)/.test(code) ? code : cause && codeOf(cause)
}

export function claimsOf(authorization: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(authorization?.split('.')[1] ?? '', 'base64url').toString() || '{}')
}

/** For JSON.stringify: leaves out what would make it circular. */
function once(): (key: string, value: unknown) => unknown {
  const seen = new Set<unknown>()
  return (_key, value) => {
    if (typeof value !== 'object' || value === null) return value
    if (seen.has(value)) return undefined
    seen.add(value)
    return value
  }
}
