import { generateKeyPairSync } from 'node:crypto'
import {
  createTokenProvider,
  getAuthorizationHeader,
  type McaAuthError,
  type McaAuthOptions,
  privateKeyJwt,
} from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { mcaAuth } from '@mca-auth/fetch'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import nodeFetch3 from 'node-fetch'
import nodeFetch2 from 'node-fetch2'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { startRecorder } from '../servers/recorder.ts'
import { type Answer, recordingFetch } from '../servers/sent-token-requests.ts'

const issuer = 'https://idp.example.com/realms/shop'
const oidc = `${issuer}/.well-known/openid-configuration`
const rfc8414 = 'https://idp.example.com/.well-known/oauth-authorization-server/realms/shop'
const tokenEndpoint = 'https://tokens.example.com/shop/token'
const metadata = { issuer, token_endpoint: tokenEndpoint }
const client = { clientId: 'orders', secret: 'fake-secret' }

afterEach(() => {
  vi.useRealTimers()
})

/** A server with `documents` at these URLs, and a token in response to every POST. */
function serving(documents: Record<string, unknown>, token?: Answer) {
  let tokens = 0
  return recordingFetch((request, count) => {
    if (request.method === 'POST') {
      return token?.(request, ++tokens) ?? Response.json({ access_token: `token-${++tokens}`, expires_in: 3600 })
    }
    const document = documents[request.url]
    if (document instanceof Error) throw document
    if (typeof document === 'function') return document(count)
    return document === undefined ? new Response('not here', { status: 404 }) : Response.json(document)
  })
}

async function discovered(documents: Record<string, unknown>, options: McaAuthOptions = client, token?: Answer) {
  const { fetch, sent } = serving(documents, token)
  await using provider = createTokenProvider({ fetch, issuer, ...options })
  const outcome = await provider.getToken().catch((error: McaAuthError) => error)
  return { outcome, sent, urls: sent.map(({ url }) => url), last: sent.at(-1), health: provider.health() }
}

describe('the token endpoint of an issuer', () => {
  it.each([
    ['at the location of OpenID Connect Discovery', { [oidc]: metadata }, [oidc, tokenEndpoint]],
    ['at the location of RFC 8414', { [rfc8414]: metadata }, [oidc, rfc8414, tokenEndpoint]],
  ])('is looked up %s', async (_location, documents, urls) => {
    const { urls: asked, outcome, sent, health } = await discovered(documents)
    expect(outcome).toMatchObject({ accessToken: 'token-1' })
    expect(asked).toEqual(urls)
    expect(sent[0]?.headers).toMatchObject({ accept: 'application/json' })
    expect(sent[0]?.headers.authorization).toBeUndefined()
    expect(health.tokenEndpoint).toBe(tokenEndpoint)
  })

  it.each([400, 403, 404, 405, 410])('is looked up at the second location if the first responds %i', async (status) => {
    const { urls } = await discovered({ [oidc]: () => new Response('no', { status }), [rfc8414]: metadata })
    expect(urls).toEqual([oidc, rfc8414, tokenEndpoint])
  })

  it.each([
    ['https://idp.example.com', 'https://idp.example.com/.well-known/openid-configuration'],
    ['https://idp.example.com/', 'https://idp.example.com/.well-known/openid-configuration'],
    ['https://idp.example.com/t/', 'https://idp.example.com/t/.well-known/openid-configuration'],
  ])('is looked up for %s as it is written', async (written, url) => {
    const { urls, outcome } = await discovered(
      { [url]: { ...metadata, issuer: written } },
      { ...client, issuer: written },
    )
    expect(outcome).toMatchObject({ accessToken: 'token-1' })
    expect(urls).toEqual([url, tokenEndpoint])
  })

  it.each([
    ['version 2', nodeFetch2],
    ['version 3', nodeFetch3],
  ])('is looked up with node-fetch too, of %s', async (_version, foreign) => {
    let origin = ''
    await using server = await startRecorder((request, response) => {
      if (request.url === '/token') response.end('{"access_token":"a"}')
      else if (request.url === '/.well-known/oauth-authorization-server') {
        response.end(JSON.stringify({ issuer: origin, token_endpoint: `${origin}/token` }))
        // A body that is not read keeps its connection.
      } else response.writeHead(404).end('x'.repeat(200_000))
    })
    origin = `http://127.0.0.1:${server.port}`
    const fetch = ((url: string, init: object) => foreign(url, init as never)) as never
    await using provider = createTokenProvider({ fetch, issuer: origin, ...client })
    expect(await provider.getToken()).toMatchObject({ accessToken: 'a' })
  })

  it('is looked up once for all token requests, and all providers with the same fetch', async () => {
    const { fetch, sent } = serving({ [oidc]: metadata })
    await using one = createTokenProvider({ fetch, issuer, ...client })
    await using two = createTokenProvider({ fetch, issuer, ...client, clientId: 'other' })
    await Promise.all(['a', 'b', 'c'].flatMap((scope) => [one.getToken({ scope }), two.getToken({ scope })]))
    one.clear()
    await one.getToken()
    expect(sent.filter(({ method }) => method === 'GET')).toHaveLength(1)
    expect(sent.filter(({ method }) => method === 'POST')).toHaveLength(7)
  })

  it('is looked up once for each of more issuers than a process remembers', async () => {
    const { fetch, sent } = recordingFetch(({ method, url }) => {
      const of = url.replace('/.well-known/openid-configuration', '')
      return Response.json(method === 'POST' ? { access_token: 'a' } : { issuer: of, token_endpoint: `${of}/token` })
    })
    const issuers = Array.from({ length: 120 }, (_, i) => `https://idp.example.com/tenant-${i}`)
    const providers = issuers.map((one) => createTokenProvider({ fetch, ...client, issuer: one }))
    for (let round = 0; round < 2; round++) {
      for (const provider of providers) {
        provider.clear()
        await provider.getToken()
      }
    }
    for (const provider of providers) provider.close()
    expect(sent.filter(({ method }) => method === 'GET')).toHaveLength(120)
  })

  it('is not looked up if it is given: the issuer is the audience of assertions only', async () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const { sent } = await discovered({}, { clientId: 'c', tokenEndpoint, clientAuth: privateKeyJwt(key) })
    expect(sent.map(({ url }) => url)).toEqual([tokenEndpoint])
    expect(decodeJwt(sent[0]?.form.client_assertion ?? '').aud).toBe(issuer)
  })

  it('of App ID is known without a lookup', async () => {
    const { urls, sent } = await discovered(
      {},
      { ...client, issuer: 'https://eu-de.appid.cloud.ibm.com/oauth/v4/tenant' },
    )
    expect(urls).toEqual(['https://eu-de.appid.cloud.ibm.com/oauth/v4/tenant/token'])
    expect(sent[0]?.headers.authorization).toBe(`Basic ${btoa('orders:fake-secret')}`)
  })

  it.each([
    ['an issuer of plain http', { issuer: 'http://idp.example.com' }, 'INSECURE_TRANSPORT'],
    ['an issuer without a client', { issuer, clientId: undefined }, 'MISSING_CLIENTID_ERROR'],
    ['an issuer without a secret', { issuer, secret: undefined }, 'MISSING_SECRET_ERROR'],
  ])('throws at once for %s', (_what, options, code) => {
    expect(() => createTokenProvider({ ...client, ...options })).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    { issuer: 'idp.example.com' },
    { issuer: `${issuer}?tenant=1` },
    { issuer: `${issuer}#a` },
    { issuer, serverUrl: 'https://imf.example.com/imf-authserver' },
    { issuer, oauthServerUrl: 'https://x.example.com/oauth/v4/t' },
  ])('throws a TypeError at once for %o', (options) => {
    expect(() => createTokenProvider({ ...client, ...options })).toThrow(TypeError)
  })
})

describe('metadata', () => {
  it.each([
    ['Basic if nothing is listed', undefined, 'fake-secret', 'basic'],
    ['Basic if it is listed', ['client_secret_post', 'client_secret_basic'], 'fake-secret', 'basic'],
    ['the form if the encoding in Basic matters', ['client_secret_basic', 'client_secret_post'], 'fake+secret', 'post'],
    ['Basic if it is the only one, whatever the encoding', ['client_secret_basic'], 'fake+secret', 'basic'],
    ['the form if Basic is not listed', ['private_key_jwt', 'client_secret_post'], 'fake-secret', 'post'],
    ['an assertion if it is the only one', ['private_key_jwt', 'client_secret_jwt'], 'fake-secret', 'jwt'],
    ['Basic if none of ours is listed', ['tls_client_auth'], 'fake-secret', 'basic'],
    ['Basic if the list is malformed', 'client_secret_post', 'fake-secret', 'basic'],
  ])('decide how a secret is sent: %s', async (_what, methods, secret, expected) => {
    const document = { ...metadata, token_endpoint_auth_methods_supported: methods }
    const { last } = await discovered({ [oidc]: document }, { clientId: 'orders', secret })
    const used = last?.headers.authorization ? 'basic' : last?.form.client_secret ? 'post' : 'jwt'
    expect(used).toBe(expected)
    if (expected === 'jwt') expect(decodeJwt(last?.form.client_assertion ?? '').aud).toBe(issuer)
  })

  it('may come from a cache: assertions were dated like the cached document, and had expired when they were sent', async () => {
    const now = Date.now()
    const issued = async (headers: Record<string, string>) => {
      const document = () => Response.json(metadata, { headers })
      const { last } = await discovered({ [oidc]: document }, { ...client, clientAuth: 'client_secret_jwt' })
      return (decodeJwt(last?.form.client_assertion ?? '').iat ?? 0) * 1000 - now
    }
    const before = (ms: number) => new Date(now - ms).toUTCString()
    const hour = 3_600_000
    // From a server whose clock is right, and from one that is an hour behind.
    expect(Math.abs(await issued({ date: before(hour), age: '3600' }))).toBeLessThan(60_000)
    expect(Math.abs((await issued({ date: before(2 * hour), age: '3600' })) + hour)).toBeLessThan(60_000)
    // An impossible date or age is ignored.
    for (const headers of [{ date: '0' }, { date: before(hour), age: 'old' }, { date: before(hour), age: '-1' }]) {
      expect(Math.abs(await issued(headers as never))).toBeLessThan(60_000)
    }
  })

  it('do not override what the options say', async () => {
    const document = { ...metadata, token_endpoint_auth_methods_supported: ['client_secret_basic'] }
    const { last } = await discovered({ [oidc]: document }, { ...client, clientAuth: 'client_secret_post' })
    expect(last?.form.client_secret).toBe('fake-secret')
  })

  it.each([
    ['rsa', ['PS256', 'ES256'], 'PS256'],
    ['rsa', ['PS256', 'RS256'], 'RS256'],
    ['rsa', ['HS256'], 'RS256'],
    ['ed25519', ['Ed25519', 'ES256'], 'Ed25519'],
    ['ed25519', ['Ed25519', 'EdDSA'], 'EdDSA'],
    ['ed25519', undefined, 'EdDSA'],
  ])('decide the algorithm of a key of %s: of %o, %s', async (type, algorithms, alg) => {
    const { privateKey } = generateKeyPairSync(type as 'rsa', { modulusLength: 2048 })
    const document = { ...metadata, token_endpoint_auth_signing_alg_values_supported: algorithms }
    const { last } = await discovered({ [oidc]: document }, { clientId: 'c', clientAuth: privateKeyJwt(privateKey) })
    expect(decodeProtectedHeader(last?.form.client_assertion ?? '')).toMatchObject({
      alg,
      typ: 'client-authentication+jwt',
    })
  })
})

describe('the time of the server', () => {
  it.each([
    ['an hour behind', -3_600_000, 3_600],
    ['a minute ahead', 60_000, 60],
    ['a second ahead, which is not worth a correction', 1_000, 0],
  ])('is known from the lookup, before the first assertion is signed: %s', async (_what, skewMs, seconds) => {
    const date = () => ({ headers: { date: new Date(Date.now() + skewMs).toUTCString() } })
    const { last } = await discovered(
      { [oidc]: () => Response.json(metadata, date()) },
      { ...client, clientAuth: 'client_secret_jwt' },
      () => Response.json({ access_token: 'a' }, date()),
    )
    const { iat = 0 } = decodeJwt(last?.form.client_assertion ?? '')
    expect(Math.abs(Math.abs(iat - Date.now() / 1000) - seconds)).toBeLessThan(30)
  })
})

describe('the requests of a lookup', () => {
  it('and the token request carry no token of ours, even through a client that adds one everywhere', async () => {
    const counts: Record<string, number> = {}
    let origin = ''
    await using server = await startRecorder((request, response) => {
      counts[request.url ?? ''] = (counts[request.url ?? ''] ?? 0) + 1
      const known = { issuer: origin, token_endpoint: `${origin}/token` }
      if (request.url === '/.well-known/openid-configuration') response.end(JSON.stringify(known))
      else if (request.url === '/token') response.end('{"access_token":"a","expires_in":3600}')
      else response.end(request.headers.authorization ?? 'bare')
    })
    origin = `http://127.0.0.1:${server.port}`
    const plain = globalThis.fetch
    try {
      globalThis.fetch = mcaAuth({ issuer: origin, ...client, origins: origin }, { fetch: plain })
      expect(await (await fetch(`${origin}/orders`)).text()).toBe('Bearer a')
    } finally {
      globalThis.fetch = plain
    }
    expect(counts).toEqual({ '/.well-known/openid-configuration': 1, '/token': 1, '/orders': 1 })
    expect(server.received.slice(0, 2).map(({ headers }) => headers.authorization?.slice(0, 6))).toEqual([
      undefined,
      'Basic ',
    ])
  })

  it('are recognised: both locations from the start, the token endpoint once found, until the provider is closed', async () => {
    const { fetch } = serving({ [oidc]: metadata })
    const provider = createTokenProvider({ fetch, issuer, ...client })
    // Any client, whichever provider's token it adds.
    const stub = { getToken: async () => ({ accessToken: 'a', expiresAt: Date.now() + 60_000 }) }
    const authorizer = createRequestAuthorizer('test', stub)
    const isTokenEndpoint = (url: string) => authorizer.begin({ url, method: 'POST' }) === undefined
    expect([oidc, rfc8414, tokenEndpoint].map(isTokenEndpoint)).toEqual([true, true, false])
    await provider.getToken()
    expect([oidc, rfc8414, tokenEndpoint].map(isTokenEndpoint)).toEqual([true, true, true])
    provider.close()
    expect([oidc, rfc8414, tokenEndpoint].map(isTokenEndpoint)).toEqual([false, false, false])
  })
})

describe('getAuthorizationHeader', () => {
  it('keeps the tokens of two issuers apart', async () => {
    const { fetch } = recordingFetch((request) =>
      request.method === 'POST'
        ? Response.json({ access_token: `of-${new URL(request.url).pathname.slice(1)}` })
        : Response.json({
            issuer:
              new URL(request.url).origin +
              new URL(request.url).pathname.replace('/.well-known/openid-configuration', ''),
            token_endpoint: `https://x.example.com${new URL(request.url).pathname.split('/.')[0]}`,
          }),
    )
    const header = (path: string) =>
      getAuthorizationHeader({ ...client, fetch, issuer: `https://x.example.com/${path}` })
    expect(await Promise.all(['a', 'b', 'a'].map(header))).toEqual(['Bearer of-a', 'Bearer of-b', 'Bearer of-a'])
  })
})
