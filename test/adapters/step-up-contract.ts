import {
  createTokenProvider,
  forwardIncoming,
  type McaAuthOptions,
  type OutgoingRequest,
  type TokenProvider,
} from '@mca-auth/core'
import type { AuthorizationServer, ProtectedResource, ProtectedResourceOptions } from '@mca-auth/testing'
import { describe, expect, it, vi } from 'vitest'
import type { Client, Session } from './contract.ts'

type Start = (...attached: (McaAuthOptions | TokenProvider)[]) => Session
type StartResource = (options?: Partial<ProtectedResourceOptions>) => Promise<ProtectedResource>

/** The behaviour of every client after a challenge for more scope. */
export function stepUpContract(
  client: Client,
  server: () => AuthorizationServer,
  start: Start,
  startRetrying: Start | undefined,
  startResource: StartResource,
): void {
  /** Requires the scope that the path names. */
  const choosy = (options: Partial<ProtectedResourceOptions> = {}) =>
    startResource({ challenge: 'rfc6750', scope: ({ path }) => path.slice(1).split('?')[0], ...options })

  function widening(origins: string, options: McaAuthOptions = {}) {
    const choose = vi.fn(({ challenge }: OutgoingRequest) => ({
      scope: challenge ? `read ${challenge.scope}` : 'read',
    }))
    const challenges = () => choose.mock.calls.flatMap(([{ challenge }]) => challenge?.scope ?? [])
    return { options: { ...server().appId, origins, tokenRequest: choose, ...options }, choose, challenges }
  }

  const paths = ({ received }: ProtectedResource) => received.map(({ path }) => path)

  describe('a challenge for more scope', () => {
    it('causes one resend with the token that `tokenRequest` then chooses, and the next request has it at once', async () => {
      const resource = await choosy()
      const { options, choose } = widening(resource.origin)
      const session = start(options)
      for (const path of ['/read', '/write?a=b', '/write', '/read']) {
        expect((await session.send(resource.origin + path)).status).toBe(200)
      }
      expect(paths(resource)).toEqual(['/read', '/write?a=b', '/write?a=b', '/write', '/read'])
      expect(server().tokenRequests).toBe(2)
      expect(choose.mock.calls[2]).toEqual([
        {
          url: new URL(`${resource.origin}/write?a=b`),
          method: 'GET',
          challenge: { error: 'insufficient_scope', scope: 'write', resourceMetadata: undefined },
        },
      ])
      expect(choose).toHaveBeenCalledTimes(5)
    })

    it.each(Object.entries(client.resendable))('sends %s again', async (_name, make) => {
      const resource = await choosy()
      const [body, arrives] = make()
      const { options } = widening(resource.origin)
      const answer = await start(options).send(`${resource.origin}/write`, { method: 'POST', body })
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.text).body).toMatch(arrives)
      expect(resource.received).toHaveLength(2)
    })

    it.each(Object.entries(client.oneShot))('is delivered if the body is %s', async (_name, make) => {
      const resource = await choosy()
      const { options, challenges } = widening(resource.origin)
      const session = start(options)
      const send = () => session.send(`${resource.origin}/write`, { method: 'POST', body: make() })
      expect(await send()).toMatchObject({ status: 403, text: 'Forbidden' })
      expect((await send()).status).toBe(200) // the required scope has been remembered
      expect([resource.received.length, challenges().length]).toEqual([2, 1])
    })

    it('of App ID, with a 401, counts too, and does not use up the resend after a rejection', async () => {
      const resource = await startResource({ scope: 'write' })
      const { options } = widening(resource.origin)
      const session = start(options)
      expect((await session.send(resource.origin)).status).toBe(200)
      expect(resource.received).toHaveLength(2)
      server().revokeAll()
      expect((await session.send(resource.origin)).status).toBe(200)
      expect(resource.received).toHaveLength(4)
    })

    it('that is repeated is delivered, with its body', async () => {
      const challenge = (scheme: string) => `${scheme} error="insufficient_scope", scope="write"`
      const resource = await startResource({
        intercept: () => ({
          status: 403,
          headers: { 'www-authenticate': `${challenge('Bearer')}, ${challenge('DPoP')}` },
          body: 'never',
        }),
      })
      const { options, challenges } = widening(resource.origin)
      expect(await start(options).send(resource.origin)).toMatchObject({ status: 403, text: 'never' })
      expect([resource.received.length, challenges()]).toEqual([2, ['write']])
    })

    it('is delivered if `tokenRequest` does not choose another token, or fails', async () => {
      const resource = await choosy()
      const answers = [() => ({ scope: 'read' }), () => undefined, () => JSON.parse('not JSON')]
      for (const answer of answers) {
        const tokenRequest = ({ challenge }: OutgoingRequest) => (challenge ? answer() : { scope: 'read' })
        const session = start({ ...server().appId, origins: resource.origin, tokenRequest })
        const delivered = await session.send(`${resource.origin}/write`)
        expect(delivered).toMatchObject({ status: 403, text: 'Forbidden' })
      }
      expect(resource.received).toHaveLength(answers.length)
    })

    it('is delivered to the caller if the token came from an incoming request', async () => {
      const resource = await choosy()
      const { options, challenges } = widening(resource.origin, { incoming: 'forward' })
      await using provider = createTokenProvider({ ...server().appId, scope: 'read' })
      const authorization = await provider.getAuthorizationHeader()
      const session = start(options)
      const answer = await forwardIncoming({ headers: { authorization } }, () =>
        session.send(`${resource.origin}/write`),
      )
      expect([answer.status, resource.received.length, challenges()]).toEqual([403, 1, []])
    })

    it.runIf(startRetrying)('is answered once, also if a layer around the client repeats the request', async () => {
      let failures = 1
      const resource = await choosy({
        intercept: ({ path }) =>
          path === '/write' && resource.received.length === 2 && failures-- > 0 ? { status: 503 } : undefined,
      })
      const { options, challenges } = widening(resource.origin)
      const session = startRetrying?.(options) as Session
      expect((await session.send(`${resource.origin}/write`)).status).toBe(200)
      expect([resource.received.length, challenges()]).toEqual([3, ['write']])
    })

    it.runIf(client.followsRedirects && !client.hidesFinalOrigin)(
      'of a stranger that a redirect leads to is delivered',
      async () => {
        const challenge = 'Bearer error="insufficient_scope", scope="write"'
        const stranger = await startResource({
          intercept: () => ({ status: 403, headers: { 'www-authenticate': challenge }, body: 'stranger' }),
        })
        const resource = await choosy({
          intercept: () => ({ status: 302, headers: { location: `${stranger.origin}/write` } }),
        })
        const { options, challenges } = widening(resource.origin)
        const answer = await start(options).send(`${resource.origin}/start`)
        expect(answer).toMatchObject({ status: 403, text: 'stranger' })
        expect([resource.received.length, stranger.received.length, challenges()]).toEqual([1, 1, []])
      },
    )

    it('causes one token request for twenty of them at once', async () => {
      const resource = await choosy()
      const { options } = widening(resource.origin)
      const session = start(options)
      const all = await Promise.all(Array.from({ length: 20 }, () => session.send(`${resource.origin}/write`)))
      expect(all.map(({ status }) => status)).toEqual(Array(20).fill(200))
      expect(server().tokenRequests).toBe(2)
    })
  })
}
