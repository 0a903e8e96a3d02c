import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createTokenProvider, type McaAuthOptions, type TokenProvider } from '@mca-auth/core'
import { type ClientOptions, createRequestAuthorizer, type RequestAuthorization } from '@mca-auth/core/adapter'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

let server: AuthorizationServer

beforeEach(async () => {
  server = await startAuthorizationServer()
})

afterEach(() => server.close())

const api = 'https://api.example.com'
const rejected = { 'www-authenticate': 'Bearer error="invalid_token"' }
const replayable = { replayable: true }
const get = (url: string, more = {}) => ({ url, method: 'GET', ...more })

const authorizerOf = (options: McaAuthOptions | TokenProvider = {}, client?: ClientOptions) =>
  createRequestAuthorizer('test', 'getToken' in options ? options : { ...server.appId, ...options }, client)

function begin(url: string, options: McaAuthOptions = {}, more = {}): RequestAuthorization {
  return authorizerOf(options).begin(get(url, more)) as RequestAuthorization
}

/** Whether a sending carries a token. */
async function carries(authorization: RequestAuthorization, url: string, more = {}): Promise<boolean> {
  return (await authorization.headersFor(get(url, more))).authorization !== undefined
}

describe('a token request', () => {
  it('of any provider in the process is left alone, unlike another path of its origin', () => {
    const authorizer = authorizerOf()
    const other = createTokenProvider({ clientId: 'c', secret: 'fake', tokenEndpoint: 'https://idp.example.com/token' })
    expect(authorizer.begin(get('https://idp.example.com/token'))).toBeUndefined()
    expect(authorizer.begin(get('https://idp.example.com/token?x=1'))).toBeUndefined()
    expect(authorizer.begin(get('https://idp.example.com/userinfo'))).toBeDefined()
    expect(authorizer.begin(get(`${server.appId.oauthServerUrl}/token`))).toBeUndefined()
    other.close()
    expect(authorizer.begin(get('https://idp.example.com/token'))).toBeDefined()
  })

  it('that another layer turns a request into carries no token', async () => {
    const authorization = begin(server.origin)
    expect(await carries(authorization, `${server.appId.oauthServerUrl}/token`)).toBe(false)
  })
})

describe('an origin', () => {
  it('gets the token only if `origins` lists it', async () => {
    const origins = [api, 'https://*.example.org', 'https://*.a.b.example.net:8443']
    const yes = [
      api,
      `${api}:443/x`,
      'https://a.example.org',
      'https://b.a.example.org/',
      'https://x.a.b.example.net:8443',
    ]
    const no = [
      'https://example.org',
      'https://a.example.org:8443',
      'http://a.example.org',
      'https://aexample.org',
      'https://a.example.org.evil.test',
      'https://x.a.b.example.net',
      'https://api.example.com.evil.test',
      'https://a.example.org@evil.test/',
    ]
    for (const url of yes) expect(await carries(begin(url, { origins }), url), url).toBe(true)
    for (const url of no) expect(await carries(begin(url, { origins }), url), url).toBe(false)
  })

  it.each([
    'https://*',
    'https://*.com',
    'https://*.com.',
    'https://a.*.example.com',
    'https://*a.example.com',
    'http://*.example.com',
    '*.example.com',
    'https://*.example.com/path',
    'https://user@*.example.com',
    'https://*.*.example.com',
    'https://*.127.0.0.1',
    'https://%2a.example.com',
    'https://*.a..example',
    'https://api.example.com/path',
    'api.example.com',
    'ftp://api.example.com',
  ])('cannot be listed as %s', (origin) => {
    expect(() => authorizerOf({ origins: [api, origin] })).toThrow(TypeError)
    expect(() => authorizerOf({ origins: [api, origin] })).toThrow(/origins/)
  })

  it('gets the token if the caller addressed it and none is listed, whatever other layers do to the URL', async () => {
    expect(await carries(begin(api), `${api}/other`)).toBe(true)
    expect(await carries(begin(api), 'https://evil.test/')).toBe(false)
  })

  it('that the base URL names is the only one to get the token if none is listed', async () => {
    const based = (url: string, options = {}) => begin(url, options, { base: `${api}/v1` })
    expect(await carries(based(`${api}/v1/a`), `${api}/v1/a`)).toBe(true)
    const elsewhere = based('https://evil.test/')
    expect(elsewhere.applies).toBe(false)
    expect(await carries(elsewhere, 'https://evil.test/')).toBe(false)
    const listed = { origins: 'https://partner.example.com' }
    expect(await carries(based('https://partner.example.com', listed), 'https://partner.example.com')).toBe(true)
  })

  it('over plain http gets it on loopback, if it is listed, or if that is allowed', async () => {
    const refused = { code: 'INSECURE_TRANSPORT' }
    const plain = 'http://api.example.com'
    await expect(carries(begin(plain), plain)).rejects.toMatchObject(refused)
    await expect(carries(begin(plain, { origins: [plain] }), plain, { isProxied: () => true })).rejects.toMatchObject(
      refused,
    )
    await expect(
      carries(begin('http://127.0.0.1'), 'http://127.0.0.1', { isProxied: () => true }),
    ).rejects.toMatchObject(refused)
    expect(await carries(begin('http://localhost:1'), 'http://localhost:1')).toBe(true)
    expect(await carries(begin(plain, { origins: [plain] }), plain)).toBe(true)
    expect(await carries(begin(plain, { allowInsecureRequests: true }), plain, { isProxied: () => true })).toBe(true)
    expect(await carries(begin(api), api, { isProxied: () => true })).toBe(true)
    expect(() =>
      authorizerOf({ tokenEndpoint: `${plain}/token`, clientId: 'c', secret: 'fake', origins: plain } as never),
    ).toThrow()
  })

  it('that the client hides is assumed to be the listed one; without one, the request is not sent', async () => {
    const hidden = { url: undefined, method: 'GET' }
    const send = (options: McaAuthOptions, more = {}) =>
      authorizerOf(options)
        .begin(hidden)
        ?.headersFor({ ...hidden, ...more })
    expect(await send({ origins: api })).toHaveProperty('authorization')
    for (const origins of [undefined, [api, `${api}:8443`], 'https://*.example.com']) {
      await expect(Promise.resolve(send({ origins }))).rejects.toMatchObject({ code: 'MISSING_ORIGINS' })
      expect(await send({ origins }, { authorization: 'Custom mine' })).toEqual({})
    }
  })
})

describe('a redirect', () => {
  const hop = (authorization: RequestAuthorization, url: string) => {
    authorization.redirected(get(url))
    return authorization.headersFor(get(url))
  }

  it('keeps the token at origins that may have it, and loses it for good at one that may not', async () => {
    const authorization = begin(api, { origins: [api, 'https://partner.example.com'] })
    expect(await carries(authorization, api)).toBe(true)
    expect(hop(authorization, 'https://partner.example.com')).toHaveProperty('authorization')
    expect(hop(authorization, 'https://evil.test')).toEqual({})
    expect(hop(authorization, api)).toEqual({})
    expect(await carries(authorization, api)).toBe(false)
  })

  it('of a request that began elsewhere or without a token adds no token', async () => {
    const elsewhere = begin('https://evil.test', { origins: api })
    expect(await carries(elsewhere, 'https://evil.test')).toBe(false)
    expect(hop(elsewhere, api)).toEqual({})
    const own = begin(api, {}, { authorization: 'Custom mine' })
    expect(await carries(own, api, { authorization: 'Custom mine' })).toBe(false)
    expect(hop(own, `${api}/hop`)).toEqual({})
    const none = begin(api, { tokenRequest: ({ url }) => (url.pathname === '/' ? false : {}) })
    expect(await carries(none, api)).toBe(false)
    expect(hop(none, `${api}/hop`)).toEqual({})
  })

  it('never waits: it reuses the token that the request carried before', async () => {
    const provider = createTokenProvider(server.appId)
    const authorization = authorizerOf(provider).begin(get(api)) as RequestAuthorization
    const before = await authorization.headersFor(get(api))
    provider.clear()
    expect(hop(authorization, `${api}/hop`)).toEqual(before)
  })

  it('is followed by a resend of the last hop if the adapter sends it, and never of the whole', async () => {
    for (const hopIsOurs of [false, true]) {
      const authorization = begin(api)
      await carries(authorization, api)
      authorization.redirected(get(`${api}/hop`), { hopIsOurs })
      authorization.headersFor(get(`${api}/hop`))
      expect(await authorization.responded(401, rejected, replayable)).toBe(hopIsOurs ? 'resend' : 'deliver')
    }
    expect(server.tokenRequests).toBe(2 + 1) // dropped in either case, and requested again for one
  })

  it('to an unlisted origin that responds 401 drops no token', async () => {
    const authorization = begin(api)
    await carries(authorization, api)
    authorization.redirected(get('https://evil.test'))
    expect(authorization.responded(401, rejected, replayable)).toBe('deliver')
    expect(await carries(begin(api), api)).toBe(true)
  })
})

describe('a rejected token', () => {
  it('is replaced once, and the budget of four comes back with each resend that is accepted', async () => {
    const authorizer = authorizerOf()
    const attempt = async (status: number) => {
      const authorization = authorizer.begin(get(api)) as RequestAuthorization
      await authorization.headersFor(get(api))
      const verdict = await authorization.responded(401, rejected, replayable)
      if (verdict === 'deliver') return verdict
      await authorization.headersFor(get(api))
      expect(await authorization.responded(status, rejected, replayable)).toBe('deliver')
      return verdict
    }
    for (let i = 0; i < 20; i++) expect(await attempt(200)).toBe('resend')
    for (let i = 0; i < 4; i++) expect(await attempt(401)).toBe('resend')
    for (let i = 0; i < 4; i++) expect(await attempt(401)).toBe('deliver')
    expect(server.tokenRequests).toBe(1 + 24)
  })

  it('costs one token request, however many late rejections there are', async () => {
    const authorizer = authorizerOf()
    const late = Array.from({ length: 20 }, () => authorizer.begin(get(api)) as RequestAuthorization)
    await Promise.all(late.map((one) => one.headersFor(get(api))))
    for (const one of late) expect(await one.responded(401, rejected, replayable)).toBe('resend')
    expect(server.tokenRequests).toBe(2)
  })

  it('is not replaced if no other is available, and the wait ends with the caller', async () => {
    const authorization = begin(api)
    await authorization.headersFor(get(api))
    server.rotateSecret('another-fake-secret')
    expect(await authorization.responded(401, rejected, replayable)).toBe('deliver')
    const controller = new AbortController()
    const aborted = begin(api, { secret: 'another-fake-secret' }, { signal: controller.signal })
    await aborted.headersFor(get(api))
    server.script({ hang: 'headers' })
    const verdict = aborted.responded(401, rejected, replayable)
    controller.abort(new Error('mine'))
    await expect(verdict).rejects.toThrow('mine')
  })

  it('is dropped, but not replaced, if the body cannot be sent again or the response came from a cache', async () => {
    const authorizer = authorizerOf()
    const send = async () => {
      const authorization = authorizer.begin(get(api)) as RequestAuthorization
      await authorization.headersFor(get(api))
      return authorization
    }
    expect((await send()).responded(401, rejected)).toBe('deliver')
    expect((await send()).responded(401, undefined, { ...replayable, fromCache: true })).toBe('deliver')
    await send()
    expect(server.tokenRequests).toBe(2)
  })
})

describe('a layer that sends a request again', () => {
  it('sends no token to the unlisted origin of a redirect, however it spells the URL', async () => {
    const authorizer = authorizerOf()
    const identity = {}
    const authorization = authorizer.beginOrContinue(identity, get(api)) as RequestAuthorization
    await authorization.headersFor(get(api))
    authorization.responded(302, { location: 'https://evil.test/' })
    const sent: unknown[] = []
    authorizer.runEnd(identity, authorization, () => {
      const hop = authorizer.beginOrContinue(identity, get('https://evil.test/')) as RequestAuthorization
      sent.push(hop === authorization, hop.headersFor(get('https://evil.test/')))
      hop.responded(503, {})
      authorizer.runEnd(identity, hop, () => {
        for (const request of [get('https://evil.test/?attempt=2'), { url: 'https://evil.test/', method: 'POST' }]) {
          sent.push(authorizer.beginOrContinue({}, request)?.headersFor(request))
        }
        sent.push(
          authorizer
            .beginOrContinue({}, get('https://other.example.com'))
            ?.headersFor(get('https://other.example.com')),
        )
      })
    })
    expect(sent).toEqual([true, {}, {}, {}, { authorization: expect.any(String) }])
  })

  it('recognises a response from a cache by its Age', async () => {
    const authorization = begin(api)
    await authorization.headersFor(get(api))
    expect(authorization.responded(401, { age: '3' }, replayable)).toBe('deliver')
    expect(server.tokenRequests).toBe(1)
  })
})

describe('tokenRequest', () => {
  it('must return a token request or false, synchronously', async () => {
    for (const bad of [undefined, null, true, 'scope', Promise.resolve({})]) {
      await expect(carries(begin(api, { tokenRequest: (() => bad) as never }), api)).rejects.toThrow(/tokenRequest/)
    }
    const broken = () => {
      throw new Error('broken')
    }
    await expect(carries(begin(api, { tokenRequest: broken }), api)).rejects.toThrow('broken')
    const odd = () => {
      throw undefined
    }
    await expect(carries(begin(api, { tokenRequest: odd }), api)).rejects.toThrow('`tokenRequest` threw undefined')
  })

  it('is called once for a request, and again only if another layer changed its URL before it was sent', async () => {
    const asked: string[] = []
    const tokenRequest: McaAuthOptions['tokenRequest'] = ({ url, method }) => {
      asked.push(`${method} ${url.pathname}`)
      return {}
    }
    const authorization = begin(`${api}/a`, { tokenRequest })
    for (const url of [`${api}/a`, `${api}/a`, `${api}/b`]) {
      await carries(authorization, url)
      authorization.failed()
    }
    expect(asked).toEqual(['GET /a'])
    await carries(begin(`${api}/c`, { tokenRequest }), `${api}/d`)
    expect(asked).toEqual(['GET /a', 'GET /c', 'GET /d'])
  })
})

describe('a provider', () => {
  it('that is a plain object is called for each request, and notified of a rejection once', async () => {
    const invalidate = vi.fn()
    let issued = 0
    const getToken = vi.fn(async (_options: object) => ({ accessToken: `fake-${++issued}`, expiresAt: 0 }))
    const authorizer = authorizerOf({ getToken, invalidate } as never, { tokenRequest: () => ({ scope: 'a' }) })
    const signal = new AbortController().signal
    const authorization = authorizer.begin(get(api, { signal })) as RequestAuthorization
    expect(await authorization.headersFor(get(api))).toEqual({ authorization: 'Bearer fake-1' })
    expect(getToken).toHaveBeenCalledWith({ scope: 'a', signal })
    expect(await authorization.responded(401, rejected, replayable)).toBe('resend')
    expect(await authorization.headersFor(get(api))).toEqual({ authorization: 'Bearer fake-2' })
    expect(invalidate.mock.calls).toEqual([['fake-1']])
  })

  it('that overrides a method of ours counts as a custom provider', async () => {
    const own = createTokenProvider(server.appId)
    const wrapped = Object.assign(Object.create(own), { getToken: async () => ({ accessToken: 'fake', expiresAt: 0 }) })
    const authorization = authorizerOf(wrapped).begin(get(api)) as RequestAuthorization
    expect(await authorization.headersFor(get(api))).toEqual({ authorization: 'Bearer fake' })
  })

  it.each([
    ['nothing', () => undefined],
    ['a string', () => 'fake'],
    ['an empty token', () => ({ accessToken: '' })],
    ['a header instead of a token', () => ({ accessToken: 'Bearer fake' })],
    ['two lines', () => ({ accessToken: 'fake\r\nx: y' })],
    ['another type', () => ({ accessToken: 'fake', tokenType: 'DPoP' })],
  ])('that returns %s fails the request', async (_name, give) => {
    const authorization = authorizerOf({ getToken: give } as never).begin(get(api)) as RequestAuthorization
    await expect(authorization.headersFor(get(api))).rejects.toMatchObject({ code: 'TOKEN_RESPONSE_INVALID' })
  })

  it('that fails is reported without the message of its error', async () => {
    const getToken = () => Promise.reject(Object.assign(new Error('secret=fake-secret'), { code: 'EVAULT' }))
    const authorization = authorizerOf({ getToken } as never).begin(get(api)) as RequestAuthorization
    const error = await Promise.resolve(authorization.headersFor(get(api))).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'TOKEN_REQUEST_FAILED', message: 'the token provider failed: EVAULT' })
    expect(error.cause).toBeUndefined()
  })

  it('may be combined with rules for this client, and options may not', async () => {
    const provider = createTokenProvider({ ...server.appId, origins: api })
    const other = authorizerOf(provider, { origins: 'https://other.example.com' })
    expect(other.begin(get(api))?.applies).toBe(false)
    expect(other.begin(get('https://other.example.com'))?.applies).toBe(true)
    expect(authorizerOf(provider).begin(get(api))?.applies).toBe(true)
    expect(() => authorizerOf({}, { origins: api })).toThrow(/`origins` belongs/)
    expect(() => authorizerOf(provider, { orgins: api } as never)).toThrow(/orgins/)
    expect(() => authorizerOf(createTokenProvider(server.appId), { incoming: 'forward' })).toThrow(/origins/)
    for (const bad of ['x', 7, null]) expect(() => createRequestAuthorizer('test', bad as never)).toThrow(TypeError)
  })
})

describe('a request that goes without a token', () => {
  it('is reported with the reason', async () => {
    const reports: unknown[] = []
    const report = (message: unknown) => reports.push(message)
    subscribe('mca-auth:request:skipped', report)
    const options = { origins: [api, server.origin] }
    await carries(begin('https://evil.test/path?secret', options), 'https://evil.test/path?secret')
    const left = begin(api, options)
    await carries(left, api)
    left.redirected(get('https://evil.test'))
    left.headersFor(get('https://evil.test'))
    await carries(begin(api, options, { authorization: 'mine' }), api, { authorization: 'mine' })
    await carries(begin(api, { ...options, tokenRequest: () => false }), api)
    authorizerOf(options).begin(get(`${server.appId.oauthServerUrl}/token`))
    unsubscribe('mca-auth:request:skipped', report)
    expect(reports).toEqual([
      { client: 'test', origin: 'https://evil.test', reason: 'origin-not-listed' },
      { client: 'test', origin: 'https://evil.test', reason: 'origin-left' },
      { client: 'test', origin: api, reason: 'own-authorization' },
      { client: 'test', origin: api, reason: 'token-request' },
      { client: 'test', origin: server.origin, reason: 'token-endpoint' },
    ])
    expect(channel('mca-auth:request:skipped').hasSubscribers).toBe(false)
  })
})
