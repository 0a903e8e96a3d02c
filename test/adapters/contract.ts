import { inspect } from 'node:util'
import { createTokenProvider, forwardIncoming, type McaAuthOptions, type TokenProvider } from '@mca-auth/core'
import type { ClientOptions } from '@mca-auth/core/adapter'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ProtectedResourceOptions,
  type ReceivedRequest,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { refused } from '../servers/refused.ts'
import { fullSize } from '../size.ts'
import { dpopContract } from './dpop-contract.ts'
import { exchangeContract } from './exchange-contract.ts'
import { redirectContract } from './redirect-contract.ts'
import { stepUpContract } from './step-up-contract.ts'

export interface Init {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

interface Answer {
  readonly status: number
  readonly text: string
  /** The result for the client's user: a response, or the error that carries one. */
  readonly raw: unknown
}

/** A client with one or more `mcaAuth()`. Sending throws if there is no response. */
export interface Session extends AsyncDisposable {
  send(url: string, init?: Init): Promise<Answer>
}

/** The argument of `mcaAuth()`, or a pair of its two arguments. */
export type Attached = McaAuthOptions | TokenProvider | readonly [TokenProvider, ClientOptions]

export function argumentsOf(one: Attached): [McaAuthOptions | TokenProvider, ClientOptions?] {
  return Array.isArray(one) ? (one as [TokenProvider, ClientOptions]) : [one as McaAuthOptions | TokenProvider]
}

/** One way to make requests with one client, and its capabilities. */
export interface Client {
  readonly name: string
  start(...attached: Attached[]): Session
  /** The same, with a layer around it that repeats a request after a 503. */
  startRetrying?(...attached: Attached[]): Session
  /** Bodies that it can send again, and the expected content. */
  readonly resendable: Record<string, () => readonly [body: unknown, arrives: string | RegExp]>
  /** Bodies that it cannot send again. */
  readonly oneShot: Record<string, () => unknown>
  readonly followsRedirects: boolean
  /** It does not show that a redirect has led to another origin. */
  readonly hidesFinalOrigin?: boolean
  /** It sends each hop of a redirect by itself, or a layer around it does. */
  readonly seesHops?: boolean
  /** Redirects are followed beneath it, where the header is removed at every other origin. */
  readonly stripsAtHops?: boolean
  /** Which of two that match attaches. @default the first */
  readonly lastWins?: boolean
  /** Its redirects are followed beneath it, with the proof of the first sending. */
  readonly sendsProofAgain?: boolean
  /** Differences if the token is bound to a key. */
  readonly whenBound?: Pick<Client, 'seesHops' | 'stripsAtHops'>
  /** Represents its adapter in tests that do not run every client. */
  readonly isTypical?: boolean
  /** Hides its redirects, so that it sends no token without `origins`. */
  readonly needsOrigins?: boolean
}

const json = { 'content-type': 'application/json' }

/**
 * The promises of every client: for Bearer tokens, and again for tokens that are bound to a key. In `npm test`, one client
 * of each adapter stands for the others where core decides; `npm run test:matrix` runs every one.
 */
export function contract(client: Client): void {
  contractFor({ ...client, sendsProofAgain: false }, 'Bearer')
  if (!client.isTypical && !fullSize) return
  exchangeContract(client)
  const bound = { ...client, ...client.whenBound, name: `${client.name}, bound` }
  contractFor(bound, 'DPoP')
  dpopContract(bound)
  if (fullSize) exchangeContract(bound, 'DPoP')
}

function contractFor(client: Client, scheme: 'Bearer' | 'DPoP'): void {
  const rejection = challengeOf(scheme)
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

    /** Its providers are closed in the end, since a refresh that continued might reach another test's server on the same port. */
    function attach(one: McaAuthOptions | TokenProvider): Attached {
      if ('getToken' in one) {
        if (Symbol.asyncDispose in one) open.push(one as AsyncDisposable)
        return client.needsOrigins ? [one, { origins: origins() }] : one
      }
      const bound = scheme === 'DPoP' && { dpop: true as const }
      const provider = createTokenProvider({ ...(client.needsOrigins && { origins: origins() }), ...bound, ...one })
      open.push(provider)
      return provider
    }

    const start = (...attached: (McaAuthOptions | TokenProvider)[]) => opened(client.start(...attached.map(attach)))

    function opened(session: Session): Session {
      open.push(session)
      return session
    }

    /** The origins of the resources that the test has started so far. */
    const origins = () => open.flatMap((one) => ('received' in one ? [(one as ProtectedResource).origin] : []))

    async function resourceOf(options: Partial<ProtectedResourceOptions> = {}): Promise<ProtectedResource> {
      const resource = await startProtectedResource({ authorizationServer: server, ...options })
      open.push(resource)
      return resource
    }

    it('attaches the header to every request', async () => {
      const resource = await resourceOf()
      const session = start(server.appId)
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
      expect(resource.received.every((request) => request.headers.authorization?.startsWith(`${scheme} ey`))).toBe(true)
      expect(server.tokenRequests).toBe(1)
    })

    it('refreshes a stale token in the background, without any waiting caller', async () => {
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

    it('waits for a new token if the old one has expired', async () => {
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

    it('resends a request whose token was rejected, once', async () => {
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      server.revokeAll()
      expect((await session.send(`${resource.origin}/again`)).status).toBe(200)
      expect(resource.received.map((request) => request.path)).toEqual(['/', '/again', '/again'])
      expect(server.tokenRequests).toBe(2)
    })

    it.each(Object.entries(client.resendable))('resends a POST with a body of %s', async (_name, make) => {
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

    it.each(Object.entries(client.oneShot))('passes the 401 on if the body is %s', async (_name, make) => {
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      server.revokeAll()
      const answer = await session.send(resource.origin, { method: 'POST', body: make() })
      expect(answer).toMatchObject({ status: 401, text: 'Unauthorized' })
      expect(resource.received).toHaveLength(2)
      expect((await session.send(resource.origin)).status).toBe(200)
      expect(resource.received).toHaveLength(3) // the rejected token was still dropped
    })

    it.each([
      ['no challenge', undefined],
      ['a challenge of its scheme', `${scheme.toLowerCase()} error=invalid_token`],
      ['only a challenge of another scheme', 'Basic realm="bearer"'],
    ])('resends a POST and a GET on a 401 with %s', async (_name, challenge) => {
      const headers = challenge === undefined ? {} : { 'www-authenticate': challenge }
      for (const init of [{ method: 'POST', body: '{}', headers: json }, {}]) {
        let rejected: string | undefined
        const resource = await resourceOf({
          intercept: (request) => {
            rejected ??= request.headers.authorization
            return request.headers.authorization === rejected ? { status: 401, headers, body: 'no' } : accept(request)
          },
        })
        const before = server.tokenRequests
        const answer = await start(server.appId).send(resource.origin, init)
        const isResent = !init.method || 'JSON' in client.resendable
        expect(answer).toMatchObject(isResent ? { status: 200, text: 'ok' } : { status: 401, text: 'no' })
        expect(resource.received).toHaveLength(isResent ? 2 : 1)
        expect(server.tokenRequests - before).toBe(isResent ? 2 : 1)
      }
    })

    it('treats a 403 like a 401 only if its challenge says invalid_token', async () => {
      let challenge = `${scheme} error="invalid_token"`
      let rejected: string | undefined
      const resource = await resourceOf({
        intercept: (request) => {
          rejected ??= request.headers.authorization
          if (request.headers.authorization !== rejected) return accept(request)
          return { status: 403, headers: { 'www-authenticate': challenge }, body: 'no' }
        },
      })
      const session = start(server.appId)
      expect((await session.send(resource.origin)).status).toBe(200)
      for (challenge of [scheme, `${scheme} error="insufficient_scope"`, 'Basic error="invalid_token"']) {
        rejected = resource.received.at(-1)?.headers.authorization
        expect((await session.send(resource.origin)).status).toBe(403)
      }
      expect(server.tokenRequests).toBe(2)
    })

    it.each(['invalid_request', 'insufficient_user_authentication'])('leaves a 401 with %s alone', async (error) => {
      const headers = { 'www-authenticate': `Basic realm="x", ${scheme} error="${error}"` }
      const resource = await resourceOf({ intercept: () => ({ status: 401, headers, body: 'no' }) })
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
            ? { status: 401, headers: rejection, body: 'late', delayMs: 10 + 7 * resource.received.length }
            : accept(request),
      })
      const session = start(server.appId)
      await session.send(resource.origin)
      revoked = resource.received[0]?.headers.authorization
      const answers = await Promise.all(Array.from({ length: 20 }, () => session.send(resource.origin)))
      expect(answers.every((answer) => answer.status === 200)).toBe(true)
      expect(server.tokenRequests).toBe(2)
    })

    it('causes no storm if every fresh token is rejected, even with working routes in between', async () => {
      const resource = await resourceOf({
        intercept: ({ path }) => (path === '/bad' ? { status: 401, headers: rejection, body: 'never' } : undefined),
      })
      const other = await resourceOf()
      const session = start(server.appId)
      for (let i = 0; i < 20; i++) {
        expect(await session.send(`${resource.origin}/bad`)).toMatchObject({ status: 401, text: 'never' })
        expect((await session.send(`${resource.origin}/good`)).status).toBe(200)
      }
      expect(server.tokenRequests).toBe(1 + 4)
      expect(resource.received.filter(({ path }) => path === '/bad')).toHaveLength(20 + 4)
      server.revokeAll()
      expect((await session.send(other.origin)).status).toBe(200) // another origin recovers from its own 401
    })

    it('passes the 401 on if the server issues the rejected token again', async () => {
      server.reissue = true
      const resource = await resourceOf({ intercept: () => ({ status: 401, headers: rejection, body: 'same' }) })
      const session = start(server.appId)
      expect(await session.send(resource.origin)).toMatchObject({ status: 401, text: 'same' })
      expect(resource.received).toHaveLength(1)
      expect(server.tokenRequests).toBe(2)
    })

    it('passes the 401 on if no other token is available', async () => {
      const resource = await resourceOf()
      const session = start(server.appId)
      await session.send(resource.origin)
      server.revokeAll()
      server.rotateSecret('another-fake-secret')
      expect(await session.send(resource.origin)).toMatchObject({ status: 401, text: 'Unauthorized' })
      expect(resource.received).toHaveLength(2)
    })

    it('fails a request if no token is available, and does not send it', async () => {
      const resource = await resourceOf()
      const session = start({ ...server.appId, secret: 'wrong-fake-secret' })
      const error = await failure(session.send(resource.origin))
      expect(codeOf(error)).toBe('TOKEN_REQUEST_REFUSED')
      expect(codeOf(await failure(session.send(resource.origin)))).toBe('TOKEN_REQUEST_REFUSED')
      expect(resource.received).toHaveLength(0)
      expect(server.tokenRequests).toBe(1) // remembered
    })

    it('ends a wait for a token at once when its caller aborts, and no other wait', async () => {
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

    it("gives precedence to the caller's own header", async () => {
      const resource = await resourceOf({ intercept: accept })
      const session = start(server.appId)
      await session.send(resource.origin, { headers: { AUTHORIZATION: 'Custom mine' } })
      expect(resource.received[0]?.headers.authorization).toBe('Custom mine')
      expect(server.tokenRequests).toBe(0)
    })

    it.skipIf(client.needsOrigins)(
      'sends nothing over plain HTTP beyond loopback, unless an option allows it',
      async () => {
        const resource = await resourceOf()
        const url = resource.origin.replace('127.0.0.1', 'api.mca-auth.test')
        const error = await failure(start(server.appId).send(url))
        expect(codeOf(error)).toBe('INSECURE_TRANSPORT')
        expect(resource.received).toHaveLength(0)
        const session = start({ ...server.appId, allowInsecureRequests: true })
        expect((await session.send(url)).status).toBe(200)
      },
    )

    it('treats an http origin in `origins` as consent for that origin alone', async () => {
      const resource = await resourceOf()
      const named = (host: string) => resource.origin.replace('127.0.0.1', host)
      const session = start({ ...server.appId, origins: named('api.mca-auth.test') })
      expect((await session.send(named('api.mca-auth.test'))).status).toBe(200)
      await session.send(named('other.mca-auth.test'))
      expect(resource.received.map(({ headers }) => headers.authorization !== undefined)).toEqual([true, false])
    })

    it('accepts any object with getToken() as a provider', async () => {
      const resource = await resourceOf({
        intercept: (request) =>
          request.headers.authorization === 'Bearer fake-token-2' ? accept(request) : { status: 401, body: 'no' },
      })
      const given: unknown[] = []
      const rejected: string[] = []
      const provider = {
        async getToken(request: unknown) {
          given.push(request)
          return { accessToken: `fake-token-${rejected.length + 1}`, expiresAt: Date.now() + 60_000 }
        },
        invalidate: (accessToken: string) => {
          rejected.push(accessToken)
        },
      }
      const session = start(provider as TokenProvider)
      expect((await session.send(resource.origin)).status).toBe(200)
      expect((await session.send(resource.origin)).status).toBe(200)
      expect(rejected).toEqual(['fake-token-1'])
      expect(given).toHaveLength(3)
    })

    it('never mixes up forty users at once', async () => {
      const resource = await resourceOf({ intercept: accept })
      const session = start({ ...server.appId, origins: resource.origin, incoming: 'forward' })
      await forty(session, resource)
      expect(resource.received).toHaveLength(40)
    })

    it.runIf(client.startRetrying)('never mixes up forty users whose requests are all sent twice', async () => {
      const seen = new Set<string>()
      const resource = await resourceOf({
        intercept: (request) => {
          if (seen.has(request.path)) return accept(request)
          seen.add(request.path)
          return { status: 503 }
        },
      })
      const options = { ...server.appId, origins: resource.origin, incoming: 'forward' as const }
      await forty(opened(client.startRetrying?.(attach(options)) as Session), resource)
      expect(resource.received).toHaveLength(80)
    })

    it('sends a request that is started after another one on behalf of the caller that starts it', async () => {
      const resource = await resourceOf({ intercept: accept })
      const session = start({ ...server.appId, origins: resource.origin, incoming: 'forward' })
      const as = (user: string, path: string, then?: () => unknown) =>
        forwardIncoming({ headers: { authorization: `Bearer fake-${user}` } }, async () => {
          await session.send(`${resource.origin}/${path}`)
          return then?.()
        })
      await as('alice', 'a', () =>
        as('bob', 'b', () => forwardIncoming({ headers: {} }, () => session.send(`${resource.origin}/c`))),
      )
      await session.send(`${resource.origin}/d`)
      const sent = resource.received.map(({ path, headers }) => [path, headers.authorization?.slice(0, 12)])
      expect(sent).toEqual([
        ['/a', 'Bearer fake-'],
        ['/b', 'Bearer fake-'],
        ['/c', undefined],
        ['/d', `${scheme} eyJhbGci`.slice(0, 12)],
      ])
      expect(resource.received[1]?.headers.authorization).toBe('Bearer fake-bob')
    })

    it('leaves requests to an origin that is not listed unchanged, even over plain HTTP', async () => {
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

    it('lets `tokenRequest` choose the scope of a request, and whether it needs a token', async () => {
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

    it('rejects an asynchronous `tokenRequest` instead of treating its promise as a token request', async () => {
      const resource = await resourceOf()
      const session = start({ ...server.appId, tokenRequest: (async () => false) as never })
      expect(inspect(await failure(session.send(resource.origin)))).toContain('tokenRequest')
      expect(resource.received).toHaveLength(0)
    })

    it('on one client with two, attaches for the one whose origins match, and for only one if both match', async () => {
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
          return path === '/refuse' ? { status: 401, headers: rejection, body: 'no' } : { status: 418, body: 'teapot' }
        },
      })
      const provider = createTokenProvider({ ...server.appId, ...(scheme === 'DPoP' && { dpop: true as const }) })
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
      shown.push(await failure(session.send(refused)))
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

    redirectContract(client, () => server, start, resourceOf, rejection)
    if ((!client.isTypical || scheme === 'DPoP') && !fullSize) return
    const { startRetrying } = client
    const retrying = startRetrying && ((one: McaAuthOptions | TokenProvider) => opened(startRetrying(attach(one))))
    stepUpContract(client, () => server, start, retrying, resourceOf)
  })
}

function challengeOf(scheme: 'Bearer' | 'DPoP') {
  return { 'www-authenticate': `${scheme} scope="appid_default", error="invalid_token"` }
}

export const bearer: Readonly<Record<string, string>> = challengeOf('Bearer')

/** Each tenth of them without a token. */
async function forty(session: Session, resource: ProtectedResource): Promise<void> {
  const user = (i: number) => (i % 10 === 0 ? undefined : `Bearer fake-user-${i}`)
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      forwardIncoming({ headers: { authorization: user(i) } }, () => session.send(`${resource.origin}/${i}`)),
    ),
  )
  for (const { path, headers } of resource.received) expect(headers.authorization).toBe(user(Number(path.slice(1))))
}

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

/** For JSON.stringify: leaves out circular references. */
function once(): (key: string, value: unknown) => unknown {
  const seen = new Set<unknown>()
  return (_key, value) => {
    if (typeof value !== 'object' || value === null) return value
    if (seen.has(value)) return undefined
    seen.add(value)
    return value
  }
}
