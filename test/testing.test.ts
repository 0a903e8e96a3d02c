import { createTokenProvider } from '@mca-auth/core'
import { type AuthorizationServer, startAuthorizationServer, startIam, startProtectedResource } from '@mca-auth/testing'
import { expect, it } from 'vitest'
import { claimsOf } from './adapters/contract.ts'

const basic = ({ clientId, secret }: { clientId: string; secret: string }) =>
  `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`

function post(url: string, form: Record<string, string>, authorization?: string): Promise<Response> {
  const headers = authorization === undefined ? {} : { authorization }
  return fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) })
}

const grant = { grant_type: 'client_credentials' }

async function issue(server: AuthorizationServer): Promise<Record<string, string>> {
  const response = await post(`${server.appId.oauthServerUrl}/token`, grant, basic(server))
  return (await response.json()) as Record<string, string>
}

it("the authorization server speaks App ID's paths, with the claims of version 4 and 3", async () => {
  for (const version of [4, 3] as const) {
    await using server = await startAuthorizationServer({ version, expiresInAs: version === 3 ? 'string' : 'number' })
    const url = server.appId.oauthServerUrl
    expect(url).toBe(`${server.origin}/oauth/v${version}/${server.tenantId}`)
    const body = await issue(server)
    const expiresIn = version === 3 ? '3600' : 3600
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: expiresIn, scope: 'appid_default' })
    const audience = version === 3 ? 'test-client' : ['test-client']
    const issuer = version === 3 ? '127.0.0.1' : url
    expect(claimsOf(`Bearer ${body.access_token}`)).toMatchObject({
      iss: issuer,
      aud: audience,
      tenant: server.tenantId,
    })
    const header = JSON.parse(Buffer.from(body.access_token?.split('.')[0] ?? '', 'base64url').toString())
    expect(header).toMatchObject({ alg: 'RS256', ver: version, typ: version === 3 ? 'JOSE' : 'JWT' })
    const keys = (await (await fetch(`${url}/publickeys`)).json()) as { keys: { kid: string; kty: string }[] }
    expect(keys.keys[0]).toMatchObject({ kid: header.kid, kty: 'RSA' })
    const discovery = await (await fetch(`${url}/.well-known/openid-configuration`)).json()
    expect(discovery).toMatchObject({ issuer: url, token_endpoint: `${url}/token`, jwks_uri: `${url}/publickeys` })
    const introspect = async () =>
      (await post(`${url}/introspect`, { token: body.access_token ?? '' }, basic(server))).json()
    expect(await introspect()).toEqual({ active: true })
    server.revokeAll()
    expect(await introspect()).toEqual({ active: false })
    expect(server.requests.get(`/oauth/v${version}/${server.tenantId}/introspect`)).toBe(2)
    expect((await post(`${url}/introspect`, { token: 'x' })).status).toBe(401)
  }
})

it("the authorization server speaks MCA's paths", async () => {
  await using server = await startAuthorizationServer()
  const base = `${server.mca.serverUrl}/authorization/v1/apps/${server.tenantId}`
  const body = (await (await post(`${base}/token`, grant, basic(server))).json()) as Record<string, string>
  expect(claimsOf(`Bearer ${body.access_token}`)).toMatchObject({ aud: server.tenantId, prn: 'test-client' })
  expect(Object.keys((await (await fetch(`${base}/publickey`)).json()) as object).sort()).toEqual(['e', 'n'])
  expect((await fetch(`${server.origin}/nowhere`)).status).toBe(404)
})

it('the authorization server checks the client and the grant', async () => {
  await using server = await startAuthorizationServer()
  const url = `${server.appId.oauthServerUrl}/token`
  expect((await post(url, grant)).status).toBe(401)
  expect((await post(url, grant, basic({ ...server.appId, secret: 'wrong-fake' }))).status).toBe(401)
  expect((await post(url, { grant_type: 'password' }, basic(server))).status).toBe(400)
  expect((await post(url, { ...grant, client_id: server.clientId, client_secret: server.secret })).status).toBe(200)
  const { appId } = server
  server.rotateSecret('new-fake-secret', { keepOld: true })
  expect((await post(url, grant, basic(appId))).status).toBe(200)
  expect((await post(url, grant, basic(server.appId))).status).toBe(200)
  server.rotateSecret('newer-fake-secret')
  expect((await post(url, grant, basic(appId))).status).toBe(401)
})

it('the authorization server follows its script, then continues as usual', async () => {
  await using server = await startAuthorizationServer()
  const url = `${server.appId.oauthServerUrl}/token`
  server.script(
    { status: 503, headers: { 'retry-after': '5' }, body: 'busy' },
    { body: { any: 'thing' } },
    { reset: 'headers' },
  )
  const busy = await post(url, grant, basic(server))
  expect([busy.status, busy.headers.get('retry-after'), await busy.text()]).toEqual([503, '5', 'busy'])
  expect(await (await post(url, grant, basic(server))).json()).toEqual({ any: 'thing' })
  await expect(post(url, grant, basic(server))).rejects.toThrow()
  expect((await post(url, grant, basic(server))).status).toBe(200)
  expect(server.tokenRequests).toBe(4)
})

it("the protected resource sends App ID's challenges verbatim", async () => {
  await using server = await startAuthorizationServer()
  await using resource = await startProtectedResource({ authorizationServer: server, scope: 'read write' })
  const challenge = async (authorization?: string) => {
    const response = await fetch(resource.origin, authorization === undefined ? {} : { headers: { authorization } })
    return [response.status, response.headers.get('www-authenticate')]
  }
  const invalid = [401, 'Bearer scope="appid_default read write", error="invalid_token"']
  expect(await challenge()).toEqual(invalid)
  expect(await challenge('Basic x')).toEqual(invalid)
  expect(await challenge('Bearer junk')).toEqual(invalid)
  const insufficient = [401, 'Bearer scope="appid_default read write", error="insufficient_scope"']
  expect(await challenge(`Bearer ${(await issue(server)).access_token}`)).toEqual(insufficient)
  const header = await createTokenProvider({ ...server.appId, scope: 'write read' }).getAuthorizationHeader()
  expect(await challenge(header)).toEqual([200, null])
  expect(await challenge(`${header} an-id-token`)).toEqual([200, null])
  server.revokeAll()
  expect(await challenge(header)).toEqual(invalid)
})

it('the protected resource sends the challenges of RFC 6750, for a scope that may depend on the request', async () => {
  await using server = await startAuthorizationServer()
  await using resource = await startProtectedResource({
    authorizationServer: server,
    challenge: 'rfc6750',
    scope: ({ method }) => (method === 'POST' ? 'read write' : undefined),
  })
  const answer = async (method: string, authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization }
    const response = await fetch(resource.origin, { method, headers })
    return [response.status, response.headers.get('www-authenticate')]
  }
  expect(await answer('GET')).toEqual([401, 'Bearer realm="test"'])
  expect(await answer('GET', 'Bearer junk')).toEqual([401, 'Bearer realm="test", error="invalid_token"'])
  const narrow = await createTokenProvider({ ...server.appId, scope: 'read' }).getAuthorizationHeader()
  expect(await answer('GET', narrow)).toEqual([200, null])
  const insufficient = 'Bearer realm="test", error="insufficient_scope", scope="read write"'
  expect(await answer('POST', narrow)).toEqual([403, insufficient])
  const wide = await createTokenProvider({ ...server.appId, scope: 'read write' }).getAuthorizationHeader()
  expect(await answer('POST', wide)).toEqual([200, null])
  const bound = createTokenProvider({ ...server.appId, dpop: true })
  const { authorization, dpop = '' } = await bound.headersFor({ url: `${resource.origin}/`, method: 'POST' })
  const response = await fetch(resource.origin, { method: 'POST', headers: { authorization, dpop } })
  expect(response.headers.get('www-authenticate')).toBe(insufficient.replace('Bearer', 'DPoP'))
})

it("the protected resource sends MCA's challenges verbatim", async () => {
  await using server = await startAuthorizationServer()
  await using resource = await startProtectedResource({ authorizationServer: server, challenge: 'mca' })
  const challenge = async (authorization?: string) => {
    const response = await fetch(resource.origin, authorization === undefined ? {} : { headers: { authorization } })
    return [response.status, response.headers.get('www-authenticate')]
  }
  expect(await challenge()).toEqual([401, 'Bearer realm="imfAuthentication"'])
  expect(await challenge('Bearer junk')).toEqual([401, 'Bearer realm="imfAuthentication", error="invalid_token"'])
  expect(await challenge('Basic x')).toEqual([400, null])
  expect(await challenge('Bearer')).toEqual([400, null])
  expect(await challenge(await createTokenProvider(server.mca).getAuthorizationHeader())).toEqual([200, null])
  expect(await challenge(await createTokenProvider(server.appId).getAuthorizationHeader())).toEqual([
    401,
    'Bearer realm="imfAuthentication", error="invalid_token"',
  ])
})

it('a resource rejects the tokens of IAM as the services of IBM Cloud do', async () => {
  await using iam = await startIam()
  const { access_token } = await iam.issue('ServiceId-not-real')
  const authorization = `Bearer ${access_token}`
  const expected = {
    cloudant: [401, null, 'application/json', /^\{"error":"unauthorized","reason":"exp not in future"\}$/],
    'cloudant-basic': [401, 'Basic realm="Cloudant Private Database"', 'application/json', /exp not in future/],
    watsonx: [401, null, 'application/json', /^\{"errors":\[\{"code":"authentication_token_expired"/],
    'key-protect': [401, 'Bearer realm="Key Protect"', 'application/json', /application\/vnd.ibm.kms.error\+json/],
    cos: [403, null, 'application/xml', /^<\?xml.*<Code>AccessDenied<\/Code>/],
  } as const
  for (const challenge of Object.keys(expected) as (keyof typeof expected)[]) {
    await using resource = await startProtectedResource({ authorizationServer: iam, challenge })
    const [status, scheme, type, body] = expected[challenge]
    expect((await fetch(resource.origin, { headers: { authorization } })).status).toBe(200)
    for (const rejectsAll of [false, true]) {
      resource.rejectsAll = rejectsAll
      const response = await fetch(resource.origin, rejectsAll ? { headers: { authorization } } : {})
      expect([response.status, response.headers.get('www-authenticate'), response.headers.get('content-type')]).toEqual(
        [status, scheme, type],
      )
      expect(await response.text()).toMatch(body)
    }
  }
  await using resource = await startProtectedResource({ authorizationServer: iam })
  iam.revokeAll()
  expect((await fetch(resource.origin, { headers: { authorization } })).status).toBe(401)
})

it('the authorization server exchanges the tokens of its users (RFC 8693), and records the users', async () => {
  await using server = await startAuthorizationServer()
  await using resource = await startProtectedResource({ authorizationServer: server })
  const url = `${server.appId.oauthServerUrl}/token`
  const exchange = (form: Record<string, string>) =>
    post(url, { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', ...form }, basic(server))
  const type = 'urn:ietf:params:oauth:token-type:access_token'
  const alice = await server.users.tokenOf('alice', { lifetimeSeconds: 60, claims: { email: 'alice@example.com' } })
  expect(claimsOf(alice)).toMatchObject({ sub: 'alice', aud: ['test-client'], email: 'alice@example.com' })
  const actor = await server.users.tokenOf('the-service')
  const form = { subject_token: alice, subject_token_type: type, audience: 'stock', scope: 'read' }
  const body = (await (await exchange({ ...form, actor_token: actor, actor_token_type: type })).json()) as Record<
    string,
    string
  >
  expect(body).toMatchObject({
    issued_token_type: type,
    token_type: 'Bearer',
    expires_in: 3600,
    scope: 'appid_default read',
  })
  expect(claimsOf(body.access_token)).toMatchObject({
    ...{ sub: 'alice', aud: ['stock', 'test-client'], act: { sub: 'the-service' }, scope: 'appid_default read' },
  })
  const authorization = `Bearer ${body.access_token}`
  expect((await fetch(`${resource.origin}/items`, { headers: { authorization } })).status).toBe(200)
  expect(resource.accepted).toMatchObject([{ path: '/items', subject: 'alice' }])
  expect(server.users.exchanged).toEqual([
    { subject: 'alice', actor: 'the-service', audience: ['stock'], form: 'token-exchange' },
  ])
  const errorOf = async (more: Record<string, string>) =>
    ((await (await exchange({ ...form, ...more })).json()) as { error: string }).error
  expect(await errorOf({ subject_token: 'junk' })).toBe('invalid_request')
  expect(await errorOf({ subject_token_type: 'urn:x' })).toBe('invalid_request')
  expect(await errorOf({ actor_token: actor })).toBe('invalid_request')
  expect(await errorOf({ actor_token: 'junk', actor_token_type: type })).toBe('invalid_request')
  expect(await errorOf({ subject_token: await server.users.tokenOf('late', { lifetimeSeconds: -1 }) })).toBe(
    'invalid_request',
  )
  server.users.denied.add('alice')
  expect(await errorOf({})).toBe('access_denied')
  expect(server.users.exchanged).toHaveLength(1)
  server.revoke(body.access_token ?? '')
  expect((await fetch(resource.origin, { headers: { authorization } })).status).toBe(401)
})

it("the authorization server exchanges them in Microsoft Entra's form", async () => {
  await using server = await startAuthorizationServer()
  const url = `${server.appId.oauthServerUrl}/token`
  const alice = await server.users.tokenOf('alice')
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  const form = { grant_type, assertion: alice, requested_token_use: 'on_behalf_of', scope: 'api://stock/.default' }
  const exchange = async (more: Record<string, string> = {}) =>
    (await (await post(url, { ...form, ...more }, basic(server))).json()) as Record<string, string>
  expect(claimsOf((await exchange()).access_token)).toMatchObject({ sub: 'alice' })
  expect((await exchange({ assertion: 'junk' })).error).toBe('invalid_grant')
  expect((await exchange({ requested_token_use: 'x' })).error).toBe('invalid_request')
  server.users.denied.add('alice')
  expect((await exchange()).error).toBe('interaction_required')
  expect(server.users.exchanged.map(({ form }) => form)).toEqual(['on-behalf-of'])
})
