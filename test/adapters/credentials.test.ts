import { createTokenProvider, ibmIam, type McaAuthOptions } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/undici'
import { Agent, request, fetch as undiciFetch } from 'undici'
import { describe, expect, it } from 'vitest'
import { clients } from '../faults/subjects.ts'
import { type Recorder, startRecorder } from '../servers/recorder.ts'

/** An issuer, IAM and a resource on one server, which records its requests and rejects the first token. */
async function start(): Promise<Recorder & { origin: string }> {
  let tokens = 0
  let origin = ''
  const server = await startRecorder((incoming, response) => {
    const json = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    const { authorization } = incoming.headers
    if (incoming.url === '/.well-known/oauth-authorization-server') {
      json(200, { issuer: origin, token_endpoint: `${origin}/oauth/token` })
    } else if (incoming.url === '/oauth/token' || incoming.url === '/identity/token') {
      json(200, { access_token: `token-${++tokens}`, expires_in: 3600 })
    } else if (incoming.url?.startsWith('/.well-known/')) json(404, {})
    else json(authorization === 'Bearer token-2' ? 200 : 401, { errors: [{ code: 'authentication_token_expired' }] })
  })
  origin = `http://127.0.0.1:${server.port}`
  return Object.assign(server, { origin })
}

const ways: [string, string[], (origin: string) => McaAuthOptions][] = [
  [
    'an issuer',
    ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/oauth/token'],
    (issuer) => ({ issuer, clientId: 'orders', secret: 'fake-secret' }),
  ],
  ['IAM', ['/identity/token'], (url) => ({ grant: ibmIam({ apikey: 'fake-apikey', url }) })],
]

describe.each(ways)('with the token of %s', (_way, lookups, options) => {
  it.each(clients)('$name sends it, and replaces it when it is rejected', async ({ start: startClient }) => {
    await using server = await start()
    await using provider = createTokenProvider({ ...options(server.origin), origins: server.origin })
    await using client = startClient(provider, true)
    expect(await client.call(`${server.origin}/orders`, { method: 'POST' })).toBe(200)
    const sent = server.received.map(({ path }) => path)
    expect(sent).toEqual([...lookups, '/orders', lookups.at(-1), '/orders'])
  })

  it('undici does not wait for itself if the token requests go through the same dispatcher', async () => {
    await using server = await start()
    const agent = new Agent()
    const through = {
      fetch: ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher })) as never,
    }
    const dispatcher: ReturnType<Agent['compose']> = agent.compose(
      mcaAuth({ ...options(server.origin), ...through, origins: server.origin }),
    )
    try {
      const { statusCode, body } = await request(`${server.origin}/orders`, { dispatcher })
      await body.dump()
      expect(statusCode).toBe(200)
    } finally {
      await agent.destroy()
    }
    const bare = server.received.filter(({ path }) => path !== '/orders')
    expect(bare.map(({ path }) => path)).toEqual([...lookups, lookups.at(-1)])
    for (const { headers } of bare) expect(headers.authorization ?? '').not.toContain('Bearer')
  })
})
