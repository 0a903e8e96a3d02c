import { generateKeyPairSync } from 'node:crypto'
import {
  createTokenProvider,
  type Grant,
  ibmIam,
  jwtBearer,
  type McaAuthError,
  type McaAuthOptions,
  privateKeyJwt,
  tokenExchange,
} from '@mca-auth/core'
import { describe, expect, it } from 'vitest'
import { type Answer, recordingFetch, unsignedJwt } from '../servers/sent-token-requests.ts'

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const tokenEndpoint = 'https://idp.example.com/token'

async function requested(options: McaAuthOptions, answer?: Answer) {
  const { fetch, sent } = recordingFetch(answer)
  await using provider = createTokenProvider({ fetch, ...(options.source ? {} : { tokenEndpoint }), ...options })
  const outcome = await provider.getToken().catch((error: McaAuthError) => error)
  return { sent, outcome, first: sent[0] }
}

describe('tokenExchange', () => {
  it('sends the form of RFC 8693 §2.1, without a client if there is none', async () => {
    const { first } = await requested({
      grant: tokenExchange({ subjectToken: 'fake-subject', subjectTokenType: 'jwt' }),
      ...{ scope: 'orders.read', resource: 'https://orders.example.com/', parameters: { audience: 'orders' } },
    })
    expect(first?.form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'fake-subject',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      scope: 'orders.read',
      resource: 'https://orders.example.com/',
      audience: 'orders',
    })
    expect(first?.headers.authorization).toBeUndefined()
  })

  it.each([
    ['bytes, as of a file that was read without an encoding', Buffer.from('fake')],
    ['nothing', undefined],
    ['an object', { token: 'fake' }],
  ])('says what is wrong with a function that returns %s: it was reported as empty', async (_what, value) => {
    const { outcome } = await requested({ grant: tokenExchange({ subjectToken: async () => value as never }) })
    expect(outcome).toMatchObject({
      code: 'INVALID_CREDENTIALS_SOURCE',
      message: 'what the `subjectToken` function returned is not a string',
    })
  })

  it('accepts types as short names or URIs, and an actor', async () => {
    const { first } = await requested({
      grant: tokenExchange({
        subjectToken: async () => 'fake-subject',
        actorToken: () => 'fake-actor',
        actorTokenType: 'id_token',
        requestedTokenType: 'urn:example:token-type',
      }),
    })
    expect(first?.form).toMatchObject({
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      actor_token: 'fake-actor',
      actor_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      requested_token_type: 'urn:example:token-type',
    })
  })

  it('authenticates the client if there is one, as the options say', async () => {
    const grant = tokenExchange({ subjectToken: 'fake-subject' })
    const { first: basic } = await requested({ grant, clientId: 'orders', secret: 'fake-secret' })
    expect(basic?.headers.authorization).toBe(`Basic ${btoa('orders:fake-secret')}`)
    const { first: publicClient } = await requested({ grant, clientId: 'orders' })
    expect(publicClient?.headers.authorization).toBeUndefined()
    expect(publicClient?.form.client_id).toBe('orders')
    expect(() => createTokenProvider({ grant, tokenEndpoint, secret: 'fake' })).toThrow(
      expect.objectContaining({ code: 'MISSING_CLIENTID_ERROR' }),
    )
  })

  it('takes server and client from the platform if the options name neither', async () => {
    const credentials = { clientId: 'bound', secret: 'fake-bound', oauthServerUrl: 'https://x.example.com/oauth/v4/t' }
    process.env.CE_SERVICES = JSON.stringify({ appid: [{ name: 'my-appid', credentials }] })
    try {
      const { first } = await requested({ grant: jwtBearer({ assertion: 'fake' }), tokenEndpoint: undefined })
      expect(first?.url).toBe('https://x.example.com/oauth/v4/t/token')
      expect(first?.headers.authorization).toBe(`Basic ${btoa('bound:fake-bound')}`)
      // Another server is named: nothing of the platform is sent to it.
      const { first: other } = await requested({ grant: jwtBearer({ assertion: 'fake' }) })
      expect([other?.url, other?.headers.authorization]).toEqual([tokenEndpoint, undefined])
      expect(other?.form.client_id).toBeUndefined()
    } finally {
      delete process.env.CE_SERVICES
    }
  })

  it.each([
    ['a secret without an id', { secret: 'fake' }, 'MISSING_CLIENTID_ERROR'],
    ['a method without an id', { clientAuth: 'client_secret_post' as const, secret: 'fake' }, 'MISSING_CLIENTID_ERROR'],
    ['a method without a secret', { clientAuth: 'client_secret_post' as const, clientId: 'c' }, 'MISSING_SECRET_ERROR'],
    ["'none' without an id", { clientAuth: 'none' as const }, 'MISSING_CLIENTID_ERROR'],
    ['a key without an id', { clientAuth: privateKeyJwt(key) }, 'MISSING_CLIENTID_ERROR'],
  ])('sends nothing of a bound service to another server, and reports it as missing: %s', (_what, options, code) => {
    const credentials = { clientId: 'bound', secret: 'fake-bound', oauthServerUrl: 'https://x.example.com/oauth/v4/t' }
    process.env.CE_SERVICES = JSON.stringify({ appid: [{ name: 'my-appid', credentials }] })
    try {
      for (const grant of [tokenExchange({ subjectToken: 'fake' }), () => {}]) {
        expect(() => createTokenProvider({ grant, tokenEndpoint, ...options })).toThrow(
          expect.objectContaining({ code }),
        )
      }
      expect(() => createTokenProvider({ grant: ibmIam({ apikey: 'fake' }), ...options })).toThrow(
        expect.objectContaining({ code }),
      )
    } finally {
      delete process.env.CE_SERVICES
    }
  })

  it.each([
    [{ subjectToken: '' }],
    [{ subjectToken: { path: '/x' } }],
    [{ subjectToken: { file: '/x', watch: true } }],
    [{ subjectToken: 42 }],
    [{ subjectToken: 'a', subjectTokenType: 'JWT' }],
    [{ subjectToken: 'a', audience: 'b' }],
    [{ actorTokenType: 'jwt' }],
    [null],
  ])('throws at once for %o', (settings) => {
    expect(() => tokenExchange(settings as never)).toThrow(TypeError)
  })
})

describe('jwtBearer', () => {
  it('sends the form of RFC 7523 §2.1, and further fields', async () => {
    const { first } = await requested({
      grant: jwtBearer({ assertion: 'fake-jwt', requested_token_use: 'on_behalf_of' }),
    })
    expect(first?.form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: 'fake-jwt',
      requested_token_use: 'on_behalf_of',
    })
  })

  it.each([
    [{ assertion: '' }],
    [{ assertion: 'a', grant_type: 'b' }],
    [{ assertion: 'a', scope: 'b' }],
    [{ assertion: 'a', x: 1 }],
  ])('throws at once for %o', (settings) => {
    expect(() => jwtBearer(settings as never)).toThrow(TypeError)
  })
})

describe('a custom grant', () => {
  it('writes its part of the form before the client authenticates, and is given the server and the client', async () => {
    const seen: unknown[] = []
    const grant: Grant = (as, client, body, headers) => {
      seen.push(as.token_endpoint, client.client_id, body.get('grant_type'), headers.get('authorization'))
      body.set('grant_type', 'urn:example:device')
      body.set('device_token', 'fake-device')
    }
    const { first } = await requested({ grant, scope: 'a' })
    expect(first?.form).toEqual({ grant_type: 'urn:example:device', device_token: 'fake-device', scope: 'a' })
    await requested({ grant, clientId: 'c', secret: 'fake' })
    expect(seen).toEqual([
      tokenEndpoint,
      '',
      'client_credentials',
      null,
      tokenEndpoint,
      'c',
      'client_credentials',
      null,
    ])
  })

  it('that fails is named, without its message', async () => {
    const grant: Grant = () => Promise.reject(Object.assign(new Error('fake-device-secret'), { code: 'EVAULT' }))
    const { outcome, sent } = await requested({ grant })
    expect(sent).toEqual([])
    expect(outcome).toMatchObject({ code: 'TOKEN_REQUEST_FAILED' })
    expect(String(outcome)).toContain('the `grant` function failed: EVAULT')
    expect(String(outcome)).not.toContain('fake-device-secret')
  })
})

describe('source', () => {
  it('receives the token request of getToken(), and returns the token', async () => {
    const asked: object[] = []
    await using provider = createTokenProvider({
      source: async ({ signal, ...bag }) => {
        asked.push({ ...bag, isSignal: signal instanceof AbortSignal })
        return { access_token: `token-${asked.length}`, expires_in: 600, scope: 'granted' }
      },
      parameters: { audience: 'x' },
    })
    const token = await provider.getToken({ scope: ['b', 'a'], resource: 'https://a.example.com/' })
    expect(token).toMatchObject({ accessToken: 'token-1', scope: 'granted', tokenType: 'Bearer' })
    expect(token.expiresAt - token.issuedAt).toBe(600_000)
    await provider.getToken()
    expect(asked).toEqual([
      { scope: 'b a', resource: ['https://a.example.com/'], parameters: { audience: 'x' }, isSignal: true },
      { scope: undefined, resource: undefined, parameters: { audience: 'x' }, isSignal: true },
    ])
    expect(provider.health().tokenEndpoint).toBe('source')
  })

  it('is called once for all waiting callers, and its token is replaced like any other', async () => {
    let count = 0
    await using provider = createTokenProvider({ source: async () => ({ access_token: `token-${++count}` }) })
    const tokens = await Promise.all(Array.from({ length: 50 }, () => provider.getToken()))
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(['token-1']))
    provider.invalidate('token-1')
    expect((await provider.getToken()).accessToken).toBe('token-2')
  })

  it('reads the lifetime from a JWT if nothing else states it', async () => {
    const start = Date.now()
    const exp = Math.floor(start / 1000) + 1_200
    await using provider = createTokenProvider({ source: () => ({ access_token: unsignedJwt({ exp }) }) })
    const { expiresAt } = await provider.getToken()
    expect(Math.abs(expiresAt - exp * 1000)).toBeLessThanOrEqual(Date.now() - start + 1_000)
  })

  it.each([
    ['nothing', () => undefined],
    ['another field', () => ({ token: 'fake-token' })],
    ['a token with a line break', () => ({ access_token: 'fake\ntoken' })],
    ['a token of another type', () => ({ access_token: 'fake-token', token_type: 'DPoP' })],
    ['an invalid lifetime', () => ({ access_token: 'fake-token', expires_in: 'soon' })],
  ])('that returns %s is an invalid response, which does not show it', async (_what, source) => {
    const { outcome } = await requested({ source: source as never })
    expect(outcome).toMatchObject({ code: 'TOKEN_RESPONSE_INVALID' })
    expect(String(outcome)).not.toMatch(/fake/)
  })

  it('that fails is retried, then remembered like an outage, without its message', async () => {
    let calls = 0
    await using provider = createTokenProvider({
      source: async () => {
        calls++
        throw Object.assign(new Error('fake-secret in a message'), { code: 'EVENDOR' })
      },
    })
    const failures = [await provider.getToken().catch(String), await provider.getToken().catch(String)]
    expect(calls).toBe(3)
    for (const failure of failures) expect(failure).toContain('the `source` function failed: EVENDOR')
    expect(failures.join()).not.toContain('fake-secret')
  })

  it.each([
    [{ clientId: 'c' }],
    [{ secret: 'fake' }],
    [{ tokenEndpoint }],
    [{ issuer: 'https://idp.example.com' }],
    [{ grant: () => {} }],
    [{ clientAuth: 'none' as const }],
    [{ instanceName: 'x' }],
  ])('cannot be combined with %o', (options) => {
    expect(() => createTokenProvider({ source: async () => ({ access_token: 'a' }), ...options })).toThrow(TypeError)
  })
})
