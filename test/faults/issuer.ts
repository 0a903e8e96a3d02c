import { createTokenProvider, type McaAuthError } from '@mca-auth/core'
import { expect, vi } from 'vitest'
import { startRecorder } from '../servers/recorder.ts'
import { type Answer, recordingFetch } from '../servers/sent-token-requests.ts'
import type { ProviderFault } from './provider.ts'

const issuer = 'https://idp.example.com/shop'
const metadata = { issuer, token_endpoint: 'https://idp.example.com/shop/token' }
const client = { clientId: 'orders', secret: 'fake-secret' }
const absent = () => new Response('', { status: 404 })
const token = () => Response.json({ access_token: 't', expires_in: 600 })

/** Each lookup gets the next response, and the last one is repeated; token requests get that of `post`. */
function issuerThat(lookups: (() => Response | Promise<Response>)[], post: Answer = token) {
  const answers = [...lookups]
  return recordingFetch((request, count) => {
    if (request.method === 'POST') return post(request, count)
    const next = answers.length > 1 ? answers.shift() : answers[0]
    return next?.() ?? absent()
  })
}

const fails = (fault: string, answer: () => Response, code: string, message: RegExp, lookups = 1): ProviderFault => ({
  fault: `the discovery document ${fault}`,
  sees: `\`${code}\`, after ${lookups} lookup${lookups === 1 ? '' : 's'}; no credentials are sent`,
  run: async () => {
    const { fetch, sent } = issuerThat([answer])
    await using provider = createTokenProvider({ fetch, issuer, ...client })
    const failure: McaAuthError = await provider.getToken().then(
      () => expect.fail('a token, against expectation'),
      (error) => error,
    )
    expect(failure).toMatchObject({ code })
    expect(failure.message).toMatch(message)
    await expect(provider.getToken()).rejects.toMatchObject({ code })
    expect(sent.map(({ method }) => method)).toEqual(Array(lookups).fill('GET'))
    expect(JSON.stringify(sent)).not.toContain('fake-secret')
  },
})

const json = (fields: unknown) => () => Response.json(fields)

export const issuerFaults: readonly ProviderFault[] = [
  fails(
    'is of another issuer',
    json({ ...metadata, issuer: 'https://evil.example.com' }),
    'DISCOVERY_INVALID',
    /"https:\/\/idp\.example\.com\/shop" is configured, the document has "https:\/\/evil/,
  ),
  fails(
    'is of the issuer with a trailing /',
    json({ ...metadata, issuer: `${issuer}/` }),
    'DISCOVERY_INVALID',
    /trailing "\/"/,
  ),
  fails(
    'is of the issuer in capitals',
    json({ ...metadata, issuer: issuer.toUpperCase() }),
    'DISCOVERY_INVALID',
    /for another issuer/,
  ),
  fails(
    'names no issuer',
    json({ token_endpoint: metadata.token_endpoint }),
    'DISCOVERY_INVALID',
    /the document has no issuer/,
  ),
  fails('names no token endpoint', json({ issuer }), 'DISCOVERY_INVALID', /has no `token_endpoint`/),
  fails(
    'names a token endpoint that is not a URL',
    json({ issuer, token_endpoint: '/token' }),
    'DISCOVERY_INVALID',
    /has no `token_endpoint`/,
  ),
  fails(
    'names a token endpoint with a user',
    json({ issuer, token_endpoint: 'https://a:b@idp.example.com/' }),
    'DISCOVERY_INVALID',
    /has no `token_endpoint`/,
  ),
  fails(
    'names a token endpoint of plain http',
    json({ issuer, token_endpoint: 'http://idp.example.com/token' }),
    'INSECURE_TRANSPORT',
    /plain http/,
  ),
  fails(
    'is at neither location (404)',
    absent,
    'DISCOVERY_INVALID',
    /answered 404.*answered 404: is `issuer` right/,
    2,
  ),
  fails(
    'is a redirect',
    () => new Response(null, { status: 302, headers: { location: 'https://evil.example.com/' } }),
    'DISCOVERY_INVALID',
    /answered 302/,
  ),
  fails('needs a login (401)', () => new Response('{}', { status: 401 }), 'DISCOVERY_INVALID', /answered 401/),
  fails('is not JSON', () => new Response('not JSON'), 'DISCOVERY_INVALID', /no JSON object/),
  fails('is a list', json([metadata]), 'DISCOVERY_INVALID', /no JSON object/),
  fails(
    'is longer than 64 KiB',
    json({ ...metadata, x: 'x'.repeat(70_000) }),
    'DISCOVERY_INVALID',
    /more than 65536 bytes/,
  ),
  fails('is HTML, forever', () => new Response('<html>'), 'DISCOVERY_INVALID', /HTML/, 3),
  fails(
    'responds 500, forever',
    () => new Response('', { status: 500 }),
    'TOKEN_REQUEST_FAILED',
    /discovery document .* answered 500/,
    3,
  ),
  fails('responds 429', () => new Response('', { status: 429 }), 'TOKEN_REQUEST_THROTTLED', /answered 429/),
  {
    fault: 'the discovery document responds 500 once, then drops the connection once',
    sees: 'nothing',
    run: async () => {
      const drops = () =>
        Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } }))
      const { fetch, sent } = issuerThat([() => new Response('', { status: 500 }), drops, json(metadata)])
      await using provider = createTokenProvider({ fetch, issuer, ...client })
      await provider.getToken()
      expect(sent.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET', 'POST'])
    },
  },
  {
    fault: 'the discovery document is slow, forever',
    sees: '`TOKEN_REQUEST_FAILED` after timeoutMs; close() ends it at once',
    run: async () => {
      await using server = await startRecorder(() => {})
      const slow = { issuer: `http://127.0.0.1:${server.port}`, ...client }
      await using provider = createTokenProvider({ ...slow, timeoutMs: 300 })
      await expect(provider.getToken()).rejects.toThrow('no token response within 300 ms')
      const patient = createTokenProvider({ ...slow, timeoutMs: 600_000 })
      const outcome = expect(patient.getToken()).rejects.toThrow('closed')
      patient.close()
      await outcome
    },
  },
  {
    fault: 'the discovery document is slow once, and one of the waiting providers is closed',
    sees: 'nothing, for the others',
    run: async () => {
      let answer: (response: Response) => void = () => {}
      const { fetch, sent } = issuerThat([() => new Promise((resolve) => (answer = resolve))])
      await using one = createTokenProvider({ fetch, issuer, ...client })
      const two = createTokenProvider({ fetch, issuer, ...client })
      const [first, second] = [one.getToken(), expect(two.getToken()).rejects.toThrow('closed')]
      await vi.waitFor(() => expect(sent).toHaveLength(1))
      two.close()
      await second
      answer(Response.json(metadata))
      await first
      expect(sent.map(({ method }) => method)).toEqual(['GET', 'POST'])
    },
  },
  ...([404, 405, 410, 'ENOTFOUND', 'ECONNREFUSED'] as const).map((gone) => ({
    fault: `the token endpoint has moved, and its old URL fails with ${gone}`,
    sees: 'nothing: it is looked up again, within the same wait',
    run: () => moved(gone),
  })),
  {
    fault: 'the token endpoint is gone (404), and the metadata still names it',
    sees: '`TOKEN_RESPONSE_INVALID`; it is looked up again after 5 min',
    run: async () => {
      vi.useFakeTimers({ toFake: ['Date'] })
      try {
        const { fetch, sent } = issuerThat([json(metadata)], () => new Response('gone', { status: 404 }))
        await using provider = createTokenProvider({ fetch, issuer, ...client })
        const lookups = () => sent.filter(({ method }) => method === 'GET').length
        const counts: number[] = []
        for (const minutes of [0, 4, 2, 4, 2]) {
          vi.setSystemTime(Date.now() + minutes * 60_000)
          await expect(provider.getToken()).rejects.toMatchObject({ code: 'TOKEN_RESPONSE_INVALID', status: 404 })
          counts.push(lookups())
        }
        expect(counts).toEqual([2, 2, 3, 3, 4])
      } finally {
        vi.useRealTimers()
      }
    },
  },
  {
    fault: 'the discovery document is gone after a day',
    sees: 'nothing: the old metadata remains in use, and is looked up every 5 min',
    run: async () => {
      vi.useFakeTimers({ toFake: ['Date'] })
      try {
        const { fetch, sent } = issuerThat([json(metadata), absent])
        await using provider = createTokenProvider({ fetch, issuer, ...client })
        const lookups: number[] = []
        for (const minutes of [0, 23 * 60, 61, 1, 5]) {
          vi.setSystemTime(Date.now() + minutes * 60_000)
          provider.clear()
          await provider.getToken()
          lookups.push(sent.filter(({ method }) => method === 'GET').length)
        }
        expect(lookups).toEqual([1, 1, 3, 3, 5])
      } finally {
        vi.useRealTimers()
      }
    },
  },
]

async function moved(gone: number | string): Promise<void> {
  const now = { issuer, token_endpoint: 'https://new.example.com/token' }
  const { fetch, sent } = issuerThat([json(metadata), json(now)], ({ url }) => {
    if (url === now.token_endpoint) return token()
    if (typeof gone === 'number') return new Response('', { status: gone })
    const cause = Object.assign(new AggregateError([Object.assign(new Error(gone), { code: gone })]))
    return Promise.reject(Object.assign(new TypeError('fetch failed'), { cause }))
  })
  await using provider = createTokenProvider({ fetch, issuer, ...client })
  await provider.getToken()
  expect(sent.map(({ url }) => url)).toEqual([
    `${issuer}/.well-known/openid-configuration`,
    metadata.token_endpoint,
    `${issuer}/.well-known/openid-configuration`,
    now.token_endpoint,
  ])
  expect(provider.health().tokenEndpoint).toBe(now.token_endpoint)
}
