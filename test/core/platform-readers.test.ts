import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenProvider, getAuthorizationHeader, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const secret = 'fake-secret-of-the-platform'
const oauthServerUrl = 'https://eu-de.appid.cloud.ibm.com/oauth/v4/tenant'
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mca-auth-readers-'))
  for (const name of Object.keys(process.env)) {
    if (/^(VCAP_|CE_SERVICES|SERVICE_BINDING_ROOT|APPID_|BINDING)/.test(name)) vi.stubEnv(name, undefined)
  }
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true })
})

function env(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
}

function bind(name: string, files: Record<string, string>): void {
  env({ SERVICE_BINDING_ROOT: directory })
  mkdirSync(join(directory, name))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, name, file), `${text}\n`)
}

/** The URL of the token request, the client, and its way to authenticate. */
async function requested(options: McaAuthOptions = {}): Promise<readonly [url: string, client: string]> {
  let sent: readonly [string, string] = ['', '']
  await using provider = createTokenProvider({
    ...options,
    fetch: async (url, init) => {
      const basic = new Headers(init?.headers).get('authorization')?.replace('Basic ', '')
      const form = new URLSearchParams(String(init?.body))
      const posted = `post ${form.get('client_id')}:${form.get('client_secret')}`
      sent = [String(url), basic === undefined ? posted : Buffer.from(basic, 'base64').toString('utf8')]
      return Response.json({ access_token: 'opaque', expires_in: 3600 })
    },
  })
  await provider.getToken()
  return sent
}

function problemOf(options: McaAuthOptions = {}): McaAuthError {
  try {
    createTokenProvider(options).close()
  } catch (error) {
    expect(String((error as Error).message)).not.toContain(secret)
    return error as McaAuthError
  }
  throw new Error('expected a failure')
}

const token = `${oauthServerUrl}/token`

describe('credentials in separate variables', () => {
  it.each([
    ['Code Engine writes them', { APPID_CLIENTID: 'c', APPID_OAUTHSERVERURL: oauthServerUrl }],
    ['people write them', { APPID_CLIENT_ID: 'c', APPID_OAUTH_SERVER_URL: oauthServerUrl }],
    [
      'they name the service endpoint',
      {
        APPID_CLIENTID: 'c',
        APPID_APPIDSERVICEENDPOINT: 'https://eu-de.appid.cloud.ibm.com/',
        APPID_TENANTID: 'tenant',
        APPID_VERSION: '4',
      },
    ],
    [
      'they name the discovery document',
      { APPID_CLIENT_ID: 'c', APPID_DISCOVERY_ENDPOINT: `${oauthServerUrl}/.well-known/openid-configuration` },
    ],
  ])('are read as %s', async (_how, variables) => {
    for (const name of ['APPID_SECRET', 'APPID_CLIENTSECRET', 'APPID_CLIENT_SECRET']) {
      vi.unstubAllEnvs()
      env({ ...variables, [name]: secret })
      expect(await requested()).toEqual([token, `c:${secret}`])
    }
  })

  it('are read as the IBM Cloud Operator names them, but only if URL and id are both there', async () => {
    env({ clientId: 'c', secret, oauthServerUrl, tenantId: 'tenant', version: '4' })
    expect(await requested()).toEqual([token, `c:${secret}`])
    for (const missing of ['clientId', 'oauthServerUrl']) {
      env({ clientId: 'c', oauthServerUrl, [missing]: undefined })
      const { code, message } = problemOf()
      expect(code).toBe('MISSING_CLIENTID_ERROR')
      expect(message).not.toContain('that can be used')
    }
    env({ clientId: 'c', oauthServerUrl, secret: undefined })
    expect(problemOf().code).toBe('MISSING_SECRET_ERROR')
  })

  it('are read from BINDING, flat and in an envelope', async () => {
    const credentials = { clientId: 'c', secret, oauthServerUrl }
    for (const json of [credentials, { name: 'my-appid', credentials }]) {
      env({ BINDING: JSON.stringify(json) })
      expect(await requested()).toEqual([token, `c:${secret}`])
    }
    expect(await requested({ instanceName: 'my-appid' })).toEqual([token, `c:${secret}`])
    expect(problemOf({ instanceName: 'another' }).message).toContain('no instance named "another"')
  })

  it('may be anything in BINDING without disturbing a program that uses another credential', async () => {
    env({ BINDING: '0.0.0.0', APPID_CLIENTID: 'c', APPID_SECRET: secret, APPID_OAUTHSERVERURL: oauthServerUrl })
    expect(await requested()).toEqual([token, `c:${secret}`])
    env({ APPID_CLIENTID: undefined, APPID_SECRET: undefined, APPID_OAUTHSERVERURL: undefined })
    const { code, message } = problemOf()
    expect(code).toBe('MISSING_CLIENTID_ERROR')
    expect(message).toContain('"BINDING" in BINDING: it is not a JSON object')
  })

  it('come after those of the platform, each source whole', async () => {
    const binding = { clientId: 'json', secret, oauthServerUrl }
    env({ BINDING: JSON.stringify(binding) })
    expect((await requested())[1]).toBe(`json:${secret}`)
    env({ clientId: 'operator', secret, oauthServerUrl })
    expect((await requested())[1]).toBe(`operator:${secret}`)
    env({ APPID_CLIENTID: 'prefix', APPID_SECRET: secret, APPID_OAUTHSERVERURL: oauthServerUrl })
    expect((await requested())[1]).toBe(`prefix:${secret}`)
    bind('mounted', { type: 'appid', clientId: 'mounted', secret, oauthServerUrl })
    expect((await requested())[1]).toBe(`mounted:${secret}`)
    env({ CE_SERVICES: JSON.stringify({ appid: [{ credentials: { ...binding, clientId: 'ce' } }] }) })
    expect((await requested())[1]).toBe(`ce:${secret}`)
  })

  it('are read again by getAuthorizationHeader() at each call', async () => {
    await using one = await startAuthorizationServer({ tenantId: 'one' })
    await using two = await startAuthorizationServer({ tenantId: 'two' })
    const use = (server: typeof one) =>
      env({
        APPID_CLIENT_ID: server.clientId,
        APPID_SECRET: server.secret,
        APPID_OAUTHSERVERURL: server.appId.oauthServerUrl,
      })
    use(one)
    const first = await getAuthorizationHeader()
    expect(await getAuthorizationHeader()).toBe(first)
    use(two)
    expect(await getAuthorizationHeader()).not.toBe(first)
    expect([one.tokenRequests, two.tokenRequests]).toEqual([1, 1])
  })
})

describe('a mounted binding of type oauth2', () => {
  const client = { type: 'oauth2', provider: 'keycloak', 'client-id': 'c', 'client-secret': secret }
  const uri = 'https://id.example.com/token'

  it('names a client of any authorization server', async () => {
    bind('orders', { ...client, 'token-uri': uri, 'authorization-grant-types': 'client_credentials,refresh_token' })
    expect(await requested()).toEqual([uri, `c:${secret}`])
  })

  it('says how the client authenticates, unless the options do', async () => {
    bind('orders', { ...client, 'token-uri': uri, 'client-authentication-method': 'client_secret_post' })
    expect(await requested()).toEqual([uri, `post c:${secret}`])
    expect(await requested({ clientAuth: 'client_secret_basic' })).toEqual([uri, `c:${secret}`])
  })

  it('for users who log in is named, with the reason', () => {
    bind('login', { ...client, 'token-uri': uri, 'authorization-grant-types': 'authorization_code' })
    expect(problemOf().message).toContain('"login" in SERVICE_BINDING_ROOT: its `authorization-grant-types`')
  })

  it('without a client or a server is reported with the missing part', () => {
    bind('no-id', { type: 'oauth2', 'client-secret': secret, 'token-uri': uri })
    expect(problemOf().message).toContain('"no-id" in SERVICE_BINDING_ROOT: it has no `clientId`')
    bind('no-server', client)
    expect(problemOf()).toMatchObject({
      code: 'MISSING_SERVER_URL_ERROR',
      // One quote was in the wrong place, so that the CLI could not name its own option.
      message: expect.stringMatching(/^`serverUrl` \(or `oauthServerUrl`, `issuer`, `tokenEndpoint`\) is missing:/),
    })
  })
})

describe('an API key of a bound service', () => {
  const cloudant = { apikey: secret, url: 'https://orders.cloudantnosqldb.appdomain.cloud' }

  it.each(['VCAP_SERVICES', 'CE_SERVICES'])('in %s is named, with the option that uses it', (variable) => {
    env({ [variable]: JSON.stringify({ cloudantnosqldb: [{ name: "orders'db", credentials: cloudant }] }) })
    const { code, message } = problemOf()
    expect(code).toBe('MISSING_CLIENTID_ERROR')
    expect(message).toMatch(
      new RegExp(`"orders'db" in ${variable}: it has an \`apikey\`.*\`service: 'orders\\\\'db'\``),
    )
    expect(problemOf({ instanceName: "orders'db" }).message).toContain('it has an `apikey`')
  })

  it('in a binding, a file or a variable likewise', () => {
    bind('db', { type: 'cloudant', ...cloudant })
    expect(problemOf().message).toContain("`service: 'db'`")
    const bindingFile = join(directory, 'file')
    writeFileSync(bindingFile, JSON.stringify(cloudant))
    expect(problemOf({ bindingFile }).message).toMatch(/it has an `apikey`.*`grant: ibmIam\(\{ apikey \}\)`/)
    env({ SERVICE_BINDING_ROOT: undefined, BINDING: JSON.stringify({ name: 'db', credentials: cloudant }) })
    expect(problemOf().message).toMatch(/"db" in BINDING: it has an `apikey`.*`grant: ibmIam\(\{ apikey \}\)`/)
    env({ BINDING: undefined, APPID_APIKEY: secret })
    expect(problemOf().message).toMatch(/"APPID_\*" in APPID_\*: it has an `apikey`.*`service: 'appid'`/)
  })

  it('is used by the option that the message names', () => {
    const hint = (options: McaAuthOptions = {}) => /`service: '(.*?)'`/.exec(problemOf(options).message)?.[1] ?? ''
    const provide = (service: string) => createTokenProvider({ service }).close()
    env({ CE_SERVICES: JSON.stringify({ cloudantnosqldb: [{ name: 'orders db', credentials: cloudant }] }) })
    provide(hint())
    env({ CE_SERVICES: undefined, APPID_APIKEY: secret })
    provide(hint())
    env({ APPID_APIKEY: undefined })
    bind('mounted', { type: 'cloudant', ...cloudant })
    provide(hint())
  })

  it('neither hides a client nor makes two of one', async () => {
    const appid = { clientId: 'c', secret, oauthServerUrl, apikey: 'for the management API' }
    env({
      CE_SERVICES: JSON.stringify({ cloudantnosqldb: [{ credentials: cloudant }], appid: [{ credentials: appid }] }),
    })
    expect(await requested()).toEqual([token, `c:${secret}`])
  })
})

describe('a single-page application', () => {
  const page = { clientId: 'page', oauthServerUrl, type: 'singlepageapp' }
  const regular = { clientId: 'c', secret, oauthServerUrl, type: 'regularwebapp' }

  it('is skipped in favour of an application that has a secret, in the same source and in a later one', async () => {
    env({ CE_SERVICES: JSON.stringify({ appid: [{ credentials: page }, { credentials: regular }] }) })
    expect(await requested()).toEqual([token, `c:${secret}`])
    env({ CE_SERVICES: JSON.stringify({ appid: [{ credentials: page }] }), BINDING: JSON.stringify(regular) })
    expect(await requested()).toEqual([token, `c:${secret}`])
  })

  it('in a variable is reported as having no secret, and why', () => {
    env({ BINDING: JSON.stringify({ name: 'shop', credentials: page }) })
    const { code, message } = problemOf()
    expect(code).toBe('MISSING_SECRET_ERROR')
    expect(message).toMatch(/BINDING, instance "shop": a single-page application has no secret/)
    env({
      BINDING: undefined,
      APPID_CLIENTID: 'page',
      APPID_OAUTHSERVERURL: oauthServerUrl,
      APPID_TYPE: 'singlepageapp',
    })
    expect(problemOf().message).toMatch(/APPID_\*: a single-page application has no secret/)
  })
})
