// Users, their tokens and digests of them appear nowhere, since they are names and credentials of other people.
import { createHash } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { createTokenProvider, forwardIncoming, type Grant, jwtBearer, tokenExchange } from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Answer, recordingFetch, unsignedJwt } from '../servers/sent-token-requests.ts'

const origin = 'https://stock.example.com'
const get = { url: `${origin}/items`, method: 'GET' }
const claims = {
  iss: 'https://idp.example.com',
  aud: 'orders',
  sub: 'fake-user-4711',
  preferred_username: 'alice.liddell',
  email: 'alice@wonderland.example.com',
  sid: 'fake-session-99',
  jti: 'fake-token-id-1',
}
const subject = unsignedJwt({ ...claims, exp: Math.floor(Date.now() / 1000) + 3600 })
const digests = (['hex', 'base64', 'base64url'] as const).map((encoding) =>
  createHash('sha256').update(subject).digest(encoding),
)
const secrets = [
  ...[subject, ...subject.split('.').slice(1), encodeURIComponent(subject), Buffer.from(subject).toString('base64')],
  ...[claims.sub, claims.preferred_username, claims.email, claims.sid, claims.jti],
  ...digests,
]

const channels = ['requested', 'refreshed', 'failed', 'refused', 'stale'].map((name) => `mca-auth:token:${name}`)
const all = [...channels, 'mca-auth:cooldown:entered', 'mca-auth:cooldown:left', 'mca-auth:request:skipped']
const published: { readonly name: string; readonly message: unknown }[] = []
const record = (message: unknown, name: string | symbol) => published.push({ name: String(name), message })
beforeEach(() => {
  for (const name of all) subscribe(name, record)
})
afterEach(() => {
  vi.useRealTimers()
  for (const name of all) unsubscribe(name, record)
  published.length = 0
})

/** Everything that a logger may show of a value. */
function shown(value: unknown): string {
  const deep = inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null })
  const names = value instanceof Error ? Object.getOwnPropertyNames(value) : undefined
  return [deep, String(value), JSON.stringify(value), names && JSON.stringify(value, names)].join('\n')
}

function expectNothingOf(...values: unknown[]): void {
  const text = values.map(shown).join('\n')
  for (const secret of secrets) expect(text).not.toContain(secret)
}

const grants: [string, Grant | undefined][] = [
  ['token exchange', undefined],
  ['token exchange with an actor', tokenExchange({ actorToken: async () => 'fake-actor-token' })],
  ["Entra's form", jwtBearer({ requested_token_use: 'on_behalf_of' })],
]

describe.each(grants)('of a caller, by %s,', (_name, grant) => {
  function setUp(answer: Answer) {
    const { fetch, sent } = recordingFetch(answer)
    const provider = createTokenProvider({
      ...{ tokenEndpoint: 'https://idp.example.com/token', clientId: 'orders', secret: 'fake-secret', fetch, grant },
      ...{ origins: origin, incoming: 'exchange', scope: 'stock.read' },
    })
    const authorizer = createRequestAuthorizer('test', provider)
    const as = <T>(run: () => T) => forwardIncoming({ headers: { authorization: `Bearer ${subject}` } }, run)
    const begin = () => as(() => authorizer.begin(get))
    return { provider, authorizer, sent, begin }
  }

  it('nothing is on the channels, or shown by objects that hold the token', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { provider, authorizer, begin } = setUp((_request, count) =>
      Response.json({ access_token: `fake-${count}`, expires_in: 60 }),
    )
    const authorization = begin()
    await authorization?.headersFor(get)
    const rejected = { 'www-authenticate': 'Bearer error="invalid_token"' }
    expect(await authorization?.responded(401, rejected, { replayable: true })).toBe('resend')
    vi.setSystemTime(Date.now() + 55_000)
    await begin()?.headersFor(get)
    const names = new Set(published.map(({ name }) => name))
    expect(names).toContain('mca-auth:token:requested')
    expect(names).toContain('mca-auth:token:refreshed')
    expect(names).toContain('mca-auth:token:refused')
    expect(names).toContain('mca-auth:token:stale')
    expect(published[0]?.message).toMatchObject({ clientId: 'orders', scope: 'stock.read' })
    expectNothingOf(published, authorization, authorizer, provider, provider.health())
  })

  it.each<[string, (text: string) => Response]>([
    ['a denial', (text) => Response.json({ error: 'invalid_grant', error_description: text }, { status: 400 })],
    ['an error code', (text) => Response.json({ error: text.slice(0, 400) }, { status: 400 })],
    ['a failure', (text) => Response.json({ error: 'server_error', error_description: text }, { status: 500 })],
    ['HTML', (text) => new Response(`<p>${text}</p>`, { status: 404 })],
    ['invalid JSON', (text) => new Response(`{"access_token": "${text}`)],
    ['an invalid token', (text) => Response.json({ access_token: `${text}\n` })],
  ])('nothing is in the error if the server quotes it in %s', async (_what, respond) => {
    const expectNothing = async (quoted: string) => {
      const { provider, begin } = setUp(() => respond(`what is ${quoted} doing here?`))
      const error = await Promise.resolve(begin()?.headersFor(get)).catch((thrown: unknown) => thrown)
      expect(error).toHaveProperty('code')
      expectNothingOf(error, published, provider, provider.health())
      provider.close()
    }
    await Promise.all(secrets.slice(0, -digests.length).map(expectNothing))
  })

  it('nothing is in the error of a fetch that fails and quotes its request', async () => {
    const { begin } = setUp(({ body, headers }) => {
      throw Object.assign(new Error(`failed: ${body} ${JSON.stringify(headers)}`), { request: body })
    })
    const error = await Promise.resolve(begin()?.headersFor(get)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'TOKEN_REQUEST_FAILED' })
    expectNothingOf(error, published)
  })

  it('the user is not in the error, however many other claims come before', async () => {
    const others = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`claim-${i}`, `value-${i}`]))
    const token = unsignedJwt({ ...others, sub: claims.sub })
    const { authorizer } = setUp(() =>
      Response.json({ error: 'invalid_grant', error_description: `no token for ${claims.sub}` }, { status: 400 }),
    )
    const headers = { authorization: `Bearer ${token}` }
    const failing = forwardIncoming({ headers }, async () => authorizer.begin(get)?.headersFor(get))
    await expect(failing).rejects.toMatchObject({ errorDescription: 'no token for [redacted]' })
  })

  it("a server's text about the client and the issuer stays readable", async () => {
    const text = 'the issuer https://idp.example.com does not list orders for stock.read'
    const { begin } = setUp(() => Response.json({ error: 'invalid_target', error_description: text }, { status: 400 }))
    const error = await Promise.resolve(begin()?.headersFor(get)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ error: 'invalid_target', errorDescription: text })
  })
})

it.each([
  ['grant', 'invalid_grant'],
  ['access', 'access_denied'],
  ['request', 'invalid_request'],
  ['interaction_required', 'interaction_required'],
])('a caller who is called %s changes no error code', async (name, error) => {
  const { fetch } = recordingFetch(() => Response.json({ error, error_description: `no, ${name}` }, { status: 400 }))
  await using provider = createTokenProvider({
    ...{ tokenEndpoint: 'https://idp.example.com/token', clientId: 'orders', secret: 'fake-secret', fetch },
    ...{ origins: origin, incoming: 'exchange' },
  })
  const incoming = { headers: { authorization: `Bearer ${unsignedJwt({ preferred_username: name })}` } }
  const sending = forwardIncoming(incoming, () => createRequestAuthorizer('test', provider).begin(get)?.headersFor(get))
  const failed = await Promise.resolve(sending).catch((thrown: unknown) => thrown)
  expect(failed).toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error })
  expect(shown(failed)).not.toContain(`no, ${name}`)
})
