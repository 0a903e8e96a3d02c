import { createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ProtectedResourceOptions,
  type ReceivedRequest,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startRecorder } from '../servers/recorder.ts'
import type { Client, Session } from './contract.ts'

/** The promises of every client for tokens that are bound to a key (RFC 9449), beyond the contract for all tokens. */
export function dpopContract(client: Client): void {
  describe(`${client.name} to a key`, () => {
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

    function start(origins: string | readonly string[], options: McaAuthOptions = {}, retrying = false): Session {
      const own = { ...server.appId, dpop: true as const, ...(client.needsOrigins && { origins }), ...options }
      const provider = createTokenProvider(own)
      open.push(provider)
      const session = (retrying ? client.startRetrying : client.start)?.(provider) as Session
      open.push(session)
      return session
    }

    const ids = (resource: ProtectedResource) => resource.dpop.proofs.map(({ jti }) => jti)
    const paths = ({ received }: ProtectedResource) => received.map(({ path }) => path)

    it('sends each request with its own proof, which the resource verifies', async () => {
      const resource = await resourceOf()
      const session = start(resource.origin)
      for (const init of [{}, { method: 'POST', body: 'text' }, { method: 'DELETE' }]) {
        expect((await session.send(`${resource.origin}/a%20b?c=d`, init)).status).toBe(200)
      }
      expect(resource.dpop.proofs.map(({ htm, htu }) => [htm, htu])).toEqual(
        ['GET', 'POST', 'DELETE'].map((method) => [method, `${resource.origin}/a%20b`]),
      )
      expect(new Set(ids(resource)).size).toBe(3)
      expect(resource.received.every(({ headers }) => headers.authorization?.startsWith('DPoP ey'))).toBe(true)
      expect([server.tokenRequests, server.dpop.proofs.length]).toEqual([1, 1])
    })

    it('fails a request if the token is not bound to the key, without sending it', async () => {
      server.ignoresDpop = true
      const resource = await resourceOf()
      await expect(start(resource.origin).send(resource.origin)).rejects.toSatisfy((error: Error & { code?: string }) =>
        [error.code, (error.cause as { code?: string } | undefined)?.code].includes('TOKEN_RESPONSE_INVALID'),
      )
      expect(resource.received).toHaveLength(0)
    })

    it('gets the first nonce with one extra request, and then needs no more', async () => {
      server.dpop.demandsNonce = true
      const resource = await resourceOf()
      resource.dpop.demandsNonce = true
      const session = start(resource.origin)
      for (const path of ['/a', '/b', '/c']) expect((await session.send(resource.origin + path)).status).toBe(200)
      expect(paths(resource)).toEqual(['/a', '/a', '/b', '/c'])
      expect(server.tokenRequests).toBe(2) // the second one with the nonce
    })

    it.each(Object.entries(client.resendable))('sends %s again with the nonce', async (_name, make) => {
      const resource = await resourceOf()
      resource.dpop.demandsNonce = true
      const [body, arrives] = make()
      const answer = await start(resource.origin).send(resource.origin, { method: 'POST', body })
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.text).body).toMatch(arrives)
      expect([resource.received.length, server.tokenRequests]).toEqual([2, 1])
    })

    it.each(Object.entries(client.oneShot))('passes a nonce challenge on if the body is %s', async (_name, make) => {
      const resource = await resourceOf()
      resource.dpop.demandsNonce = true
      const session = start(resource.origin)
      const send = () => session.send(resource.origin, { method: 'POST', body: make() })
      expect((await send()).status).toBe(401)
      expect((await send()).status).toBe(200) // the nonce has been kept
      expect([resource.received.length, server.tokenRequests]).toEqual([2, 1])
    })

    it('uses a rotated nonce, and one that comes with a success', async () => {
      const resource = await resourceOf()
      resource.dpop.demandsNonce = true
      const session = start(resource.origin)
      await session.send(resource.origin)
      resource.dpop.rotateNonce()
      expect((await session.send(`${resource.origin}/rotated`)).status).toBe(200)
      resource.dpop.offerNonce()
      expect((await session.send(`${resource.origin}/offered`)).status).toBe(200)
      resource.dpop.forgetOlderNonces()
      expect((await session.send(`${resource.origin}/last`)).status).toBe(200)
      expect(paths(resource)).toEqual(['/', '/', '/rotated', '/rotated', '/offered', '/last'])
      expect(server.tokenRequests).toBe(1)
    })

    it('keeps the nonces of two resources apart', async () => {
      const [one, other] = [await resourceOf(), await resourceOf()]
      one.dpop.demandsNonce = true
      const session = start([one.origin, other.origin])
      for (const { origin } of [one, other, one]) expect((await session.send(origin)).status).toBe(200)
      const nonces = ({ dpop }: ProtectedResource) => dpop.proofs.map(({ nonce }) => nonce)
      expect(nonces(one)).toEqual([one.dpop.currentNonce, one.dpop.currentNonce])
      expect(nonces(other)).toEqual([undefined])
    })

    it('still resends with a new token after a nonce challenge, and vice versa', async () => {
      const resource = await resourceOf()
      const session = start(resource.origin)
      await session.send(resource.origin)
      server.revokeAll()
      resource.dpop.demandsNonce = true
      expect((await session.send(`${resource.origin}/both`)).status).toBe(200)
      expect(paths(resource)).toEqual(['/', '/both', '/both', '/both'])
      expect(server.tokenRequests).toBe(2)
    })

    it('delivers a nonce challenge that is repeated or has no nonce', async () => {
      for (const [nonce, sendings] of [
        [() => String(Math.random()), 2 + 2],
        // The second request has it from the start.
        [() => 'always-the-same', 2 + 1],
        [() => undefined, 1 + 1],
      ] as const) {
        const resource = await resourceOf({
          intercept: () => {
            const given = nonce()
            const headers = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', ...(given && { 'dpop-nonce': given }) }
            return { status: 401, headers, body: 'never' }
          },
        })
        const before = server.tokenRequests
        const session = start(resource.origin)
        for (const _ of [1, 2]) {
          expect(await session.send(resource.origin)).toMatchObject({ status: 401, text: 'never' })
        }
        expect(resource.received).toHaveLength(sendings)
        expect(server.tokenRequests - before).toBe(1)
      }
    })

    it('reads challenges by their scheme', async () => {
      let challenge = ''
      const resource = await resourceOf({
        intercept: () =>
          challenge ? { status: 401, headers: { 'www-authenticate': challenge }, body: 'no' } : undefined,
      })
      const session = start(resource.origin)
      await session.send(resource.origin)
      for (challenge of [
        'Bearer error="invalid_token", DPoP error="insufficient_scope"',
        'Bearer, DPoP error="invalid_dpop_proof"',
        'DPoP algs="ES256", error="invalid_request"',
      ]) {
        expect((await session.send(resource.origin)).status).toBe(401)
      }
      expect([resource.received.length, server.tokenRequests]).toEqual([4, 1])
      challenge = 'DPoP error="invalid_token", Bearer error="insufficient_scope"'
      expect((await session.send(resource.origin)).status).toBe(401)
      expect(server.tokenRequests).toBe(2)
    })

    it.runIf(client.startRetrying)('signs a new proof for each retry of a layer around it', async () => {
      let failures = 2
      const seen: unknown[] = []
      const resource = await resourceOf({
        intercept: ({ headers }: ReceivedRequest) => {
          seen.push(headers.dpop)
          return failures-- > 0 && failures >= 1 ? { status: 503, body: 'not now' } : undefined
        },
      })
      const answer = await start(resource.origin, {}, true).send(resource.origin)
      expect([answer.status, seen.length, new Set(seen).size]).toEqual([200, 2, 2])
    })

    describe.runIf(client.followsRedirects)('on redirects', () => {
      it.skipIf(client.sendsProofAgain).each([301, 302, 303, 307, 308])(
        'signs a new proof for each hop (%i)',
        async (status) => {
          const hops: Record<string, string> = { '/start': '/middle', '/middle': '/end' }
          const resource = await resourceOf({
            intercept: ({ path }) =>
              path in hops ? { status, headers: { location: hops[path] as string } } : undefined,
          })
          expect((await start(resource.origin).send(`${resource.origin}/start`)).status).toBe(200)
          expect(resource.dpop.proofs.map(({ htu }) => htu)).toEqual([`${resource.origin}/end`])
          expect(new Set(resource.received.map(({ headers }) => headers.dpop)).size).toBe(3)
        },
      )

      it.skipIf(client.sendsProofAgain)('uses the nonce of a redirect', async () => {
        const resource = await resourceOf({
          intercept: ({ path }) =>
            path === '/start'
              ? { status: 307, headers: { location: '/end', 'dpop-nonce': resource.dpop.currentNonce } }
              : undefined,
        })
        resource.dpop.demandsNonce = true
        expect((await start(resource.origin).send(`${resource.origin}/start`)).status).toBe(200)
        expect(paths(resource)).toEqual(['/start', '/end'])
      })

      it('executes no POST twice for a nonce after a redirect', async () => {
        const resource = await resourceOf({
          intercept: ({ path }) => (path === '/start' ? { status: 303, headers: { location: '/end' } } : undefined),
        })
        resource.dpop.demandsNonce = true
        const answer = await start(resource.origin).send(`${resource.origin}/start`, { method: 'POST', body: '{}' })
        expect(resource.received.filter(({ method }) => method === 'POST')).toHaveLength(1)
        if (client.seesHops) expect(answer.status).toBe(200)
      })

      it('removes the proof along with the token when the origin is left', async () => {
        await using away = await startRecorder((_request, response) => response.end('away'))
        await using home = await startRecorder((_request, response) => {
          response.writeHead(307, { location: `http://localhost:${away.port}/away` }).end()
        })
        const origin = `http://127.0.0.1:${home.port}`
        await start(origin).send(`${origin}/start`)
        expect(home.received[0]?.headers).toMatchObject({ dpop: expect.any(String) })
        const { authorization, dpop } = away.received[0]?.headers ?? {}
        expect([authorization, client.sendsProofAgain ? undefined : dpop]).toEqual([undefined, undefined])
      })
    })
  })
}
