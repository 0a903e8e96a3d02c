import { createTokenProvider, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { startAuthorizationServer } from '@mca-auth/testing'
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

it('a token request is the form of RFC 6749 §4.4.2, and says who asks', async () => {
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
  expect(headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
  expect(headers.accept).toBe('application/json')
  expect(headers['user-agent']).toBe('mca-auth')
})

it('IBM servers get id and secret raw in Basic', async () => {
  expect((await tokenRequest({ appId: 'tenant' })).basic).toBe(`${clientId}:${secret}`)
  expect((await tokenRequest({ clientAuth: 'client_secret_basic_raw' })).basic).toBe(`${clientId}:${secret}`)
})

it('other servers get them form-encoded, as the WHATWG does it', async () => {
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

it('a refusal where the encoding may be the reason names the setting to try', async () => {
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
