import { inspect } from 'node:util'
import { createTokenProvider, forwardIncoming, type McaAuthOptions } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ProtectedResourceOptions,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Client, Init, Session } from './contract.ts'

/** The promises of every client if the tokens of callers are exchanged (RFC 8693). */
export function exchangeContract(client: Client, scheme: 'Bearer' | 'DPoP' = 'Bearer'): void {
  describe(`${client.name} on behalf of its callers`, () => {
    let server: AuthorizationServer
    const open: AsyncDisposable[] = []

    beforeEach(async () => {
      server = await startAuthorizationServer()
      open.push(server)
    })

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
    })

    async function resourceOf(options: Partial<ProtectedResourceOptions> = {}): Promise<ProtectedResource> {
      const resource = await startProtectedResource({ authorizationServer: server, ...options })
      open.push(resource)
      return resource
    }

    function providerFor(resource: ProtectedResource, options: McaAuthOptions = {}) {
      const dpop = scheme === 'DPoP' ? (true as const) : undefined
      const own = { ...server.appId, origins: resource.origin, incoming: 'exchange', dpop, timeoutMs: 60_000 } as const
      const provider = createTokenProvider({ ...own, ...options })
      open.push(provider)
      return provider
    }

    function opened(session: Session): Session {
      open.push(session)
      return session
    }

    const start = (resource: ProtectedResource, options?: McaAuthOptions) =>
      opened(client.start(providerFor(resource, options)))

    const withToken = <T>(token: string | undefined, run: () => T) =>
      forwardIncoming({ headers: { authorization: token && `Bearer ${token}` } }, run)

    /** Forty at once, each tenth without a token; the path names the user. */
    async function forty(session: Session, resource: ProtectedResource): Promise<void> {
      const users = await Promise.all(
        Array.from({ length: 40 }, async (_, i) => ({
          path: `/user-${i}`,
          token: i % 10 === 0 ? undefined : await server.users.tokenOf(`user-${i}`),
        })),
      )
      const outcomes = await Promise.allSettled(
        users.map(({ path, token }) => withToken(token, () => session.send(`${resource.origin}${path}`))),
      )
      const codes = outcomes.map((one) => (one.status === 'fulfilled' ? one.value.status : codeOf(one.reason)))
      expect(codes).toEqual(users.map(({ token }) => (token === undefined ? 'MISSING_INCOMING_TOKEN' : 200)))
      for (const { path, subject } of resource.accepted) expect(`/${subject}`).toBe(path)
      expect(resource.accepted).toHaveLength(36)
      expect(new Set(server.users.exchanged.map(({ subject }) => subject)).size).toBe(36)
    }

    it('never mixes up forty users at once, nor sends a request of a user without a token', async () => {
      const resource = await resourceOf()
      await forty(start(resource), resource)
      expect(resource.received).toHaveLength(36)
    })

    it.runIf(client.startRetrying)(
      'never mixes up forty users if each of their requests fails with a 503 once',
      async () => {
        const seen = new Set<string>()
        const resource = await resourceOf({
          intercept: ({ path }) => {
            if (seen.has(path)) return undefined
            seen.add(path)
            return { status: 503 }
          },
        })
        await forty(opened(client.startRetrying?.(providerFor(resource)) as Session), resource)
        expect(resource.received).toHaveLength(72)
      },
    )

    it('exchanges the token of one caller once for many requests, and again for its next token', async () => {
      const resource = await resourceOf()
      const session = start(resource)
      for (const round of [1, 2]) {
        const token = await server.users.tokenOf('alice')
        await withToken(token, () => Promise.all([1, 2, 3].map((i) => session.send(`${resource.origin}/${i}`))))
        await withToken(token, () => session.send(resource.origin))
        expect(server.tokenRequests).toBe(round)
      }
      expect(new Set(resource.accepted.map(({ subject }) => subject))).toEqual(new Set(['alice']))
    })

    it('replaces a rejected token by an exchange of the same subject token, and resends the request', async () => {
      const resource = await resourceOf()
      const session = start(resource)
      const [alice, bob] = [await server.users.tokenOf('alice'), await server.users.tokenOf('bob')]
      await withToken(alice, () => session.send(`${resource.origin}/1`))
      await withToken(bob, () => session.send(`${resource.origin}/1`))
      const rejected = resource.received[0]?.headers.authorization?.replace(/^\S+ /, '') ?? ''
      server.revoke(rejected)
      // A client that hides its redirects cannot be sure that a POST was not carried out.
      const init: Init = client.hidesFinalOrigin ? {} : { method: 'POST', body: 'text' }
      const { status } = await withToken(alice, () => session.send(`${resource.origin}/2`, init))
      expect(status).toBe(200)
      await withToken(bob, () => session.send(`${resource.origin}/3`))
      expect(resource.received.map(({ path }) => path)).toEqual(['/1', '/1', '/2', '/2', '/3'])
      expect(resource.received[3]?.body.toString()).toBe(init.body ?? '')
      expect(server.users.exchanged.map(({ subject }) => subject)).toEqual(['alice', 'bob', 'alice'])
    })

    it('returns the 401 if the session of the caller has ended, and fails their next request with the error', async () => {
      const resource = await resourceOf()
      const session = start(resource)
      const alice = await server.users.tokenOf('alice')
      await withToken(alice, () => session.send(resource.origin))
      server.users.denied.add('alice')
      server.revoke(resource.received[0]?.headers.authorization?.replace(/^\S+ /, '') ?? '')
      expect((await withToken(alice, () => session.send(resource.origin))).status).toBe(401)
      const error = await failureOf(withToken(alice, () => session.send(resource.origin)))
      expect(codeOf(error)).toBe('TOKEN_REQUEST_REFUSED')
      expect(resource.received).toHaveLength(2)
      const bob = await server.users.tokenOf('bob')
      expect((await withToken(bob, () => session.send(resource.origin))).status).toBe(200)
    })

    it('sends nothing outside of an incoming request, and a new request on behalf of the caller that starts it', async () => {
      const resource = await resourceOf()
      const session = start(resource)
      const [alice, bob] = [await server.users.tokenOf('alice'), await server.users.tokenOf('bob')]
      expect(codeOf(await failureOf(session.send(resource.origin)))).toBe('MISSING_INCOMING_TOKEN')
      await withToken(alice, async () => {
        await session.send(`${resource.origin}/alice`)
        await withToken(bob, () => session.send(`${resource.origin}/bob`))
        const anonymous = await failureOf(withToken(undefined, () => session.send(`${resource.origin}/anonymous`)))
        expect(codeOf(anonymous)).toBe('MISSING_INCOMING_TOKEN')
        await session.send(`${resource.origin}/alice`)
      })
      expect(resource.accepted.map(({ path, subject }) => [path, subject])).toEqual([
        ['/alice', 'alice'],
        ['/bob', 'bob'],
        ['/alice', 'alice'],
      ])
      expect(resource.received).toHaveLength(3)
    })

    it('does not change requests with an Authorization header, or to other origins', async () => {
      const [listed, other] = [await resourceOf({ intercept: ok }), await resourceOf({ intercept: ok })]
      const session = start(listed)
      await session.send(listed.origin, { headers: { authorization: 'Basic ZmFrZQ==' } })
      await withToken('fake', () => session.send(other.origin))
      expect(listed.received[0]?.headers.authorization).toBe('Basic ZmFrZQ==')
      expect(other.received[0]?.headers.authorization).toBeUndefined()
      expect(server.tokenRequests).toBe(0)
    })

    it.runIf(client.followsRedirects)(
      'never takes the token of a caller to another origin over a redirect',
      async () => {
        const other = await resourceOf({ intercept: ok })
        const resource = await resourceOf({
          intercept: ({ path }) =>
            path === '/leave' ? { status: 307, headers: { location: `${other.origin}/landed` } } : undefined,
        })
        const session = start(resource)
        const alice = await server.users.tokenOf('alice')
        expect((await withToken(alice, () => session.send(`${resource.origin}/leave`))).status).toBe(200)
        expect(other.received.map(({ headers }) => headers.authorization)).toEqual([undefined])
        expect(resource.received[0]?.headers.authorization).toMatch(new RegExp(`^${scheme} ey`))
      },
    )

    it("shares a client with another mcaAuth() that sends the service's own token elsewhere", async () => {
      const [stock, audit] = [await resourceOf(), await resourceOf()]
      const own = providerFor(audit, { incoming: 'ignore' })
      const session = opened(client.start(providerFor(stock), own))
      await withToken(await server.users.tokenOf('alice'), async () => {
        await session.send(stock.origin)
        await session.send(audit.origin)
      })
      await session.send(audit.origin)
      expect(stock.accepted.map(({ subject }) => subject)).toEqual(['alice'])
      expect(audit.accepted.map(({ subject }) => subject)).toEqual([server.clientId, server.clientId])
      expect(codeOf(await failureOf(session.send(stock.origin)))).toBe('MISSING_INCOMING_TOKEN')
    })

    it('shows neither the token of a caller nor the exchanged one, nor the name of the caller', async () => {
      const resource = await resourceOf({
        intercept: ({ path }) => (path === '/teapot' ? { status: 418, body: 'teapot' } : undefined),
      })
      const session = start(resource)
      const claims = { email: 'alice.liddell@example.com' }
      const alice = await server.users.tokenOf('fake-user-4711', { claims })
      const shown: unknown[] = [session]
      const show = (sending: Promise<{ readonly raw: unknown }>) =>
        sending.then(
          ({ raw }) => shown.push(raw),
          (error: unknown) => shown.push(error),
        )
      await withToken(alice, () => show(session.send(`${resource.origin}/teapot`)))
      const next = await server.users.tokenOf('fake-user-4711', { claims })
      server.users.denied.add('fake-user-4711')
      await withToken(next, () => show(session.send(resource.origin)))
      const third = await server.users.tokenOf('fake-user-4711', { claims })
      server.script({ status: 400, body: { error: 'invalid_request', error_description: `${third} ${claims.email}` } })
      await withToken(third, () => show(session.send(resource.origin)))
      expect(shown).toHaveLength(4)
      for (const value of shown) {
        const texts = [inspect(value, { depth: Number.POSITIVE_INFINITY, maxArrayLength: null }), String(value)]
        texts.push((value as Error).stack ?? '')
        for (const text of texts) expect(text).not.toMatch(/eyJ|fake-user-4711|alice\.liddell/)
      }
    })
  })
}

function ok(): { body: string } {
  return { body: 'ok' }
}

function failureOf(promise: Promise<unknown>): Promise<unknown> {
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
  return typeof code === 'string' && /^(TOKEN|MISSING)/.test(code) ? code : cause && codeOf(cause)
}
