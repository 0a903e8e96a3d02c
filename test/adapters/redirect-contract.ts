import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import type { AuthorizationServer, ProtectedResource, ProtectedResourceOptions } from '@mca-auth/testing'
import { describe, expect, it } from 'vitest'
import { type Recorder, startRecorder } from '../servers/recorder.ts'
import type { Client, Session } from './contract.ts'

type Start = (...attached: (McaAuthOptions | TokenProvider)[]) => Session
type StartResource = (options?: Partial<ProtectedResourceOptions>) => Promise<ProtectedResource>

/** From a host to one that differs from it in one thing. */
const strangers = {
  'another host': { from: 'http://api.mca-auth.test', to: 'http://other.test' },
  'a subdomain': { from: 'http://api.mca-auth.test', to: 'http://sub.api.mca-auth.test' },
  'a superdomain': { from: 'http://api.mca-auth.test', to: 'http://mca-auth.test' },
  'another port': { from: 'http://api.mca-auth.test', to: 'http://api.mca-auth.test', otherPort: true },
  'http instead of https': { from: 'https://api.mca-auth.test', to: 'http://api.mca-auth.test' },
  'https instead of http': { from: 'http://api.mca-auth.test', to: 'https://api.mca-auth.test' },
}

export function redirectContract(
  client: Client,
  server: () => AuthorizationServer,
  start: Start,
  startResource: StartResource,
  rejection: Readonly<Record<string, string>>,
): void {
  /** With the origin that the request is addressed to, for clients that must be told. */
  const options = (origin: string) => ({
    ...server().appId,
    allowInsecureRequests: true,
    ...(client.needsOrigins && { origins: origin }),
  })
  const authorizations = ({ received }: Recorder) =>
    received.map(({ path, headers }) => [path, !!headers.authorization])

  describe.runIf(client.followsRedirects)('redirects', () => {
    describe.each(Object.entries(strangers))('to %s', (_name, { from, to, ...rest }) => {
      it.each([301, 302, 303, 307, 308])('carry no token (%i)', async (status) => {
        await using away = await startRecorder((_request, response) => response.end('away'))
        await using home = await startRecorder((request, response) => {
          const port = 'otherPort' in rest ? away.port : home.port
          if (request.url === '/away') response.end('away')
          else response.writeHead(status, { location: `${to}:${port}/away` }).end()
        })
        const session = start(options(`${from}:${home.port}`))
        const answer = await session.send(`${from}:${home.port}/start`)
        expect(answer).toMatchObject({ status: 200, text: 'away' })
        const reached = 'otherPort' in rest ? away : home
        expect(authorizations(home)[0]).toEqual(['/start', true])
        expect(authorizations(reached).at(-1)).toEqual(['/away', false])
      })
    })

    it.skipIf(client.sendsProofAgain)('on the same origin keep it', async () => {
      const resource = await startResource({
        intercept: ({ path }) => (path === '/start' ? { status: 307, headers: { location: '/end' } } : undefined),
      })
      expect((await start(options(resource.origin)).send(`${resource.origin}/start`)).status).toBe(200)
    })

    it.skipIf(client.needsOrigins)(
      'that left the origin do not attach again when they come back, nor further away',
      async () => {
        await using away = await startRecorder((request, response) => {
          const location = request.url === '/one' ? '/two' : `http://127.0.0.1:${home.port}/back`
          response.writeHead(302, { location }).end()
        })
        await using home = await startRecorder((request, response) => {
          if (request.url === '/back') response.end('back')
          else response.writeHead(302, { location: `http://127.0.0.1:${away.port}/one` }).end()
        })
        const answer = await start(options(`http://127.0.0.1:${home.port}`)).send(`http://127.0.0.1:${home.port}/start`)
        expect(answer.text).toBe('back')
        expect(authorizations(home)).toEqual([
          ['/start', true],
          ['/back', false],
        ])
        expect(authorizations(away)).toEqual([
          ['/one', false],
          ['/two', false],
        ])
      },
    )

    it('of a request without a token of ours carry none either', async () => {
      await using away = await startRecorder((_request, response) => response.end('away'))
      await using home = await startRecorder((_request, response) => {
        response.writeHead(302, { location: `http://127.0.0.1:${away.port}/away` }).end()
      })
      const session = start({
        ...options(`http://127.0.0.1:${home.port}`),
        tokenRequest: ({ url }) => (url.pathname === '/start' ? false : {}),
      })
      const headers = { authorization: 'Custom mine' }
      for (const init of [{}, { headers }]) await session.send(`http://127.0.0.1:${home.port}/start`, init)
      expect(away.received.map((request) => request.headers.authorization)).toEqual([undefined, undefined])
    })

    it.skipIf(client.hidesFinalOrigin)('to an unlisted origin that responds 401 refresh nothing', async () => {
      await using away = await startRecorder((_request, response) => response.writeHead(401, rejection).end('stranger'))
      await using home = await startRecorder((_request, response) => {
        response.writeHead(302, { location: `http://127.0.0.1:${away.port}/` }).end()
      })
      const answer = await start(options(`http://127.0.0.1:${home.port}`)).send(`http://127.0.0.1:${home.port}/start`)
      expect(answer).toMatchObject({ status: 401, text: 'stranger' })
      expect([home.received.length, away.received.length, server().tokenRequests]).toEqual([1, 1, 1])
    })

    it('that are followed by a 401 drop the token, and execute no POST twice', async () => {
      const resource = await startResource({
        intercept: ({ path }) => (path === '/start' ? { status: 303, headers: { location: '/end' } } : undefined),
      })
      const session = start(options(resource.origin))
      await session.send(resource.origin)
      server().revokeAll()
      const answer = await session.send(`${resource.origin}/start`, { method: 'POST', body: '{}' })
      const posts = resource.received.filter(({ method }) => method === 'POST')
      expect(posts).toHaveLength(1)
      // If we see the single hops, only the last one is sent again.
      expect(answer.status).toBe(client.seesHops ? 200 : 401)
      expect((await session.send(resource.origin)).status).toBe(200)
      expect(server().tokenRequests).toBe(2)
    })

    it('between two origins that are listed keep it, and not on the way back from one that is not', async () => {
      await using stranger = await startRecorder((_request, response) => {
        response.writeHead(302, { location: `http://127.0.0.1:${home.port}/back` }).end()
      })
      await using partner = await startRecorder((_request, response) => {
        response.writeHead(302, { location: `http://127.0.0.1:${stranger.port}/stranger` }).end()
      })
      await using home = await startRecorder((request, response) => {
        if (request.url === '/back') response.end('back')
        else response.writeHead(302, { location: `http://127.0.0.1:${partner.port}/partner` }).end()
      })
      const origins = [home, partner].map(({ port }) => `http://127.0.0.1:${port}`)
      const answer = await start({ ...options(''), origins }).send(`http://127.0.0.1:${home.port}/start`)
      expect(answer.text).toBe('back')
      expect([...authorizations(home), ...authorizations(partner), ...authorizations(stranger)]).toEqual([
        ['/start', true],
        // A dispatcher cannot tell a hop of fetch from a request: documented.
        ['/back', client.needsOrigins === true],
        ['/partner', !client.stripsAtHops],
        ['/stranger', false],
      ])
    })

    it('do not affect a listed origin that the caller then addresses itself', async () => {
      const stranger = await startResource()
      const resource = await startResource({
        intercept: () => ({ status: 302, headers: { location: `${stranger.origin}/end` } }),
      })
      const session = start({ ...options(resource.origin), origins: [resource.origin, stranger.origin] })
      await session.send(`${resource.origin}/start`)
      expect((await session.send(`${stranger.origin}/end`)).status).toBe(200)
    })
  })
}
