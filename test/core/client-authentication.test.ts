import { createTokenProvider, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { startAuthorizationServer } from '@mca-auth/testing'
import { decodeJwt } from 'jose'
import { ClientSecretJwt, PrivateKeyJwt } from 'oauth4webapi'
import { expect, it } from 'vitest'
import { startRecorder } from '../servers/recorder.ts'

const clientId = 'id-:+/%é x'
const secret = 'fake-:+/%é secret'

/** The body and authorization of the token request that these options make. */
async function tokenRequest(options: McaAuthOptions) {
  let body = ''
  await using server = await startRecorder(async (request, response) => {
    for await (const chunk of request) body += chunk
    response.end('{"access_token":"opaque","token_type":"Bearer","expires_in":60}')
  })
  const origin = `http://127.0.0.1:${server.port}`
  const url = options.appId ? { serverUrl: `${origin}/imf` } : { tokenEndpoint: `${origin}/token` }
  await createTokenProvider({ clientId, secret, ...url, ...options }).getToken()
  const { authorization = '', ...headers } = server.received[0]?.headers ?? {}
  const basic = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString('utf8')
  return { body, authorization, basic, headers }
}

it('a token request is the form of RFC 6749 §4.4.2, and names the client', async () => {
  const { body, headers } = await tokenRequest({
    scope: ['read', 'write'],
    resource: ['https://a.example.com/', 'https://b.example.com/'],
    parameters: { audience: 'x y' },
  })
  expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
    grant_type: 'client_credentials',
    scope: 'read write',
    audience: 'x y',
  })
  expect(new URLSearchParams(body).getAll('resource')).toEqual(['https://a.example.com/', 'https://b.example.com/'])
  expect(headers['content-type']).toBe('application/x-www-form-urlencoded')
  expect(headers.accept).toBe('application/json')
  expect(headers['user-agent']).toBe('mca-auth')
})

it.each([
  ['https://kc.example.com/realms/x/protocol/openid-connect/token'],
  ['https://login.example.com/t/oauth2/v2.0/token?p=policy'],
  ['https://idp.example.com/token'],
])('an assertion that oauth4webapi signs is for the token endpoint %s, path and all', async (tokenEndpoint) => {
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
  const audiences: unknown[] = []
  for (const clientAuth of [PrivateKeyJwt(privateKey), ClientSecretJwt('fake-secret')]) {
    await using provider = createTokenProvider({
      ...{ tokenEndpoint, clientId, clientAuth },
      fetch: async (_url, init) => {
        const assertion = new URLSearchParams(String(init?.body)).get('client_assertion') ?? ''
        audiences.push(decodeJwt(assertion).aud)
        return Response.json({ access_token: 'opaque' })
      },
    })
    await provider.getToken()
  }
  expect(audiences).toEqual([tokenEndpoint, tokenEndpoint])
})

it('a token request is never answered from a cache, and follows no redirect', async () => {
  const inits: RequestInit[] = []
  const fetch = async (_url: unknown, init: RequestInit = {}) => {
    inits.push(init)
    return Response.json({ access_token: 'opaque' })
  }
  const tokenEndpoint = 'https://idp.example.com/token'
  await createTokenProvider({ tokenEndpoint, clientId, secret, fetch: fetch as never }).getToken()
  const global = globalThis.fetch
  globalThis.fetch = fetch as never
  try {
    await createTokenProvider({ tokenEndpoint, clientId, secret }).getToken()
  } finally {
    globalThis.fetch = global
  }
  expect(inits).toHaveLength(2)
  for (const init of inits) expect(init).toMatchObject({ method: 'POST', cache: 'no-store', redirect: 'manual' })
})

it('IBM servers get id and secret raw in Basic', async () => {
  expect((await tokenRequest({ appId: 'tenant' })).basic).toBe(`${clientId}:${secret}`)
  expect((await tokenRequest({ clientAuth: 'client_secret_basic_raw' })).basic).toBe(`${clientId}:${secret}`)
})

it('other servers get them form-encoded, as the WHATWG URL standard specifies', async () => {
  const { basic, body } = await tokenRequest({})
  expect(basic).toBe('id-%3A%2B%2F%25%C3%A9+x:fake-%3A%2B%2F%25%C3%A9+secret')
  expect(body).not.toContain('client_id')
  expect((await tokenRequest({ clientId: 'a-b._*', secret: 'c-d' })).basic).toBe('a-b._*:c-d')
})

it('client_secret_post puts them into the body', async () => {
  const { authorization, body } = await tokenRequest({ clientAuth: 'client_secret_post' })
  expect(authorization).toBe('')
  expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({ client_id: clientId, client_secret: secret })
})

it('a function authenticates in its own way, and needs no secret', async () => {
  const { body, headers, authorization } = await tokenRequest({
    secret: undefined as never,
    clientAuth: async (_as, client, form, fields) => {
      form.set('client_id', client.client_id)
      form.set('client_assertion', 'signed')
      fields.set('x-key', 'k')
    },
  })
  expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
    client_id: clientId,
    client_assertion: 'signed',
  })
  expect([headers['x-key'], authorization]).toEqual(['k', ''])
})

it('a denial that the encoding may have caused names the setting to try', async () => {
  await using server = await startAuthorizationServer()
  const tokenEndpoint = `${server.appId.oauthServerUrl}/token`
  const refused = (options: McaAuthOptions) =>
    createTokenProvider({ clientId: 'c', tokenEndpoint, ...options })
      .getToken()
      .catch((error: McaAuthError) => error.message)
  expect(await refused({ secret: 'a+b' })).toContain("clientAuth: 'client_secret_basic_raw'")
  expect(await refused({ secret: 'ab' })).not.toContain('client_secret_basic_raw')
  expect(await refused({ secret: 'a+b', clientAuth: 'client_secret_post' })).not.toContain('client_secret_basic_raw')
})
