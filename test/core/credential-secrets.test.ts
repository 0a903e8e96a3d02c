import { generateKeyPairSync } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import {
  clientAssertion,
  createTokenProvider,
  ibmIam,
  ibmVpc,
  jwtBearer,
  type McaAuthError,
  type McaAuthOptions,
  privateKeyJwt,
  tokenExchange,
} from '@mca-auth/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, recordingFetch, type SentRequest, unsignedJwt } from '../servers/sent-token-requests.ts'

const secret = `Fk9_fake/+"apikey" é&=`
const ascii = 'Fk9_fake/+"apikey"&='
const token = unsignedJwt({ iss: 'https://cluster.example.com', sub: 'fake-subject-of-mine', jti: 'fake-jti' })
const tokenEndpoint = 'https://idp.example.com/token'
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const jwk = key.export({ format: 'jwk' })

/** Ways to request a token, and the secrets of each that must never be shown. */
const ways: [string, () => McaAuthOptions, (sent: SentRequest) => string[]][] = [
  ['an API key', () => ({ grant: ibmIam({ apikey: secret }) }), () => [secret]],
  ['an API key of a function', () => ({ grant: ibmIam({ apikey: () => ascii }) }), () => [ascii]],
  ['a subject token', () => ({ tokenEndpoint, grant: tokenExchange({ subjectToken: token }) }), () => [token]],
  [
    'an actor token',
    () => ({ tokenEndpoint, grant: tokenExchange({ subjectToken: 'fake-opaque', actorToken: async () => token }) }),
    () => [token, 'fake-opaque'],
  ],
  ['an assertion', () => ({ tokenEndpoint, grant: jwtBearer({ assertion: token }) }), () => [token]],
  ['a client assertion', () => ({ tokenEndpoint, clientId: 'c', clientAuth: clientAssertion(token) }), () => [token]],
  [
    'a signed assertion',
    () => ({ tokenEndpoint, clientId: 'c', clientAuth: privateKeyJwt(jwk) }),
    ({ form }) => [form.client_assertion ?? ''],
  ],
  [
    'a secret that signs',
    () => ({ tokenEndpoint, clientId: 'c', clientAuth: 'client_secret_jwt', secret }),
    ({ form }) => [form.client_assertion ?? '', secret],
  ],
  [
    'a client with an API key',
    () => ({ grant: ibmIam({ apikey: 'fake-apikey' }), clientId: 'c', secret }),
    () => [secret, 'fake-apikey'],
  ],
  ['an identity token of the instance', () => ({ grant: ibmVpc() }), () => ['fake-identity-token']],
  [
    'the fields that a custom grant writes',
    () => ({ tokenEndpoint, grant: (_as, _client, body) => body.set('device_token', secret) }),
    () => [secret],
  ],
]

const encodings: ((text: string) => string)[] = [
  (text) => text,
  encodeURIComponent,
  (text) => new URLSearchParams({ a: text }).toString().slice(2),
  (text) => JSON.stringify(text).slice(1, -1),
  (text) => Buffer.from(text).toString('base64'),
  (text) => Buffer.from(text).toString('base64url'),
  (text) => Buffer.from(text).toString('hex').toUpperCase(),
  (text) => encodeURIComponent(Buffer.from(text).toString('base64')),
]

/** All that a logger may show of an error. */
function shown(error: unknown): string {
  const deep = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null })
  return [deep, String(error), JSON.stringify(error), JSON.stringify(error, Object.getOwnPropertyNames(error))].join(
    '\n',
  )
}

const published: unknown[] = []
const channels = ['requested', 'refreshed', 'failed', 'refused', 'stale'].map((name) => `mca-auth:token:${name}`)
const record = (message: unknown) => published.push(message)
beforeEach(() => {
  for (const name of [...channels, 'mca-auth:cooldown:entered']) subscribe(name, record)
})
afterEach(() => {
  for (const name of [...channels, 'mca-auth:cooldown:entered']) unsubscribe(name, record)
  published.length = 0
})

describe.each(ways)('%s', (_name, options, secretsOf) => {
  /** The response to the second request of an instance, and to the only request of all others. */
  async function failure(answer: Answer) {
    const { fetch, sent } = recordingFetch((request, count) =>
      request.method === 'PUT' ? Response.json({ access_token: 'fake-identity-token' }) : answer(request, count),
    )
    await using provider = createTokenProvider({ fetch, ...options() })
    const error: McaAuthError = await provider.getToken().then(
      () => expect.fail('expected a failure'),
      (thrown) => thrown,
    )
    const all = [shown(error), shown(provider), shown(provider.health()), inspect(published, { depth: 20 })].join('\n')
    // It is never sent.
    expect(all).not.toContain(jwk.d)
    for (const one of secretsOf(sent.at(-1) as SentRequest)) {
      expect(one.length).toBeGreaterThan(8)
      for (const encode of encodings) expect(all).not.toContain(encode(one))
    }
    return error
  }

  it.each(encodings.map((encode, i) => [i, encode] as const))(
    'is not shown if the server quotes it (encoding %i)',
    async (_i, encode) => {
      const error = await failure((request) => {
        const quoted = secretsOf(request).map(encode).join(' and ')
        return Response.json(
          { error: 'invalid_request', error_description: `what is ${quoted.slice(0, 5_000)}?` },
          { status: 400 },
        )
      })
      expect(error.errorDescription).toContain('what is [redacted]')
    },
  )

  it("is not shown if a server of IBM's quotes it, in whatever field", async () => {
    const error = await failure((request) => {
      const text = secretsOf(request).join(' ')
      return Response.json(
        { errorCode: text, errorMessage: `no ${text}`, context: { requestId: text } },
        { status: 400 },
      )
    })
    expect(error.error).toContain('[redacted]')
  })

  it('is not shown by a fetch that fails and quotes its request', async () => {
    const error = await failure((request) =>
      Promise.reject(
        Object.assign(
          new Error(`failed: ${request.body} ${JSON.stringify(request.headers)} ${secretsOf(request).join(' ')}`),
          {
            request,
          },
        ),
      ),
    )
    expect(error.code).toBe('TOKEN_REQUEST_FAILED')
  })

  it.each([
    ['an invalid token', (text: string) => Response.json({ access_token: `${text}\n` })],
    ['invalid JSON', (text: string) => new Response(`{"access_token": "${text}`)],
    ['HTML', (text: string) => new Response(`<p>${text}</p>`, { status: 404 })],
  ])('is not shown if the response is %s that quotes it', async (_what, response) => {
    await failure((request) => response(secretsOf(request).join(' ')))
  })
})
