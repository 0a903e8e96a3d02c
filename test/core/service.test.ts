import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  createTokenProvider,
  getAuthorizationHeader,
  ibmIam,
  type McaAuthError,
  type McaAuthOptions,
} from '@mca-auth/core'
import { withService } from '@mca-auth/core/adapter'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { type Iam, startIam, startInstanceMetadata } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const password = 'fake-password-of-a-url'
let iam: Iam
let directory: string

beforeEach(async () => {
  iam = await startIam({ apikey: 'fake-api-key-of-a-binding' })
  directory = mkdtempSync(join(tmpdir(), 'mca-auth-service-'))
  for (const name of Object.keys(process.env)) {
    if (/^(VCAP_|CE_SERVICES|SERVICE_BINDING_ROOT|IBM_CREDENTIALS_FILE|CLOUDANT|WATSONX|APPID|BINDING)/.test(name)) {
      vi.stubEnv(name, undefined)
    }
  }
  vi.stubEnv('HOME', directory)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await iam.close()
  rmSync(directory, { recursive: true })
})

function env(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
}

function services(variable: string, content: object): void {
  vi.stubEnv(variable, JSON.stringify(content))
}

function file(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

/** The forms of the token requests for this service, and the origins that may have the token. */
async function requested(service: string, options: McaAuthOptions = {}): Promise<{ form: unknown; origins: unknown }> {
  await using provider = createTokenProvider({ service, ...options })
  await provider.getToken()
  return { form: iam.received.at(-1)?.form, origins: withService({ service, ...options }).options.origins }
}

function problemOf(options: McaAuthOptions): McaAuthError {
  try {
    createTokenProvider(options).close()
  } catch (error) {
    expect(inspect(error)).not.toMatch(/fake-(password|api-key)/)
    return error as McaAuthError
  }
  throw new Error('expected a failure')
}

const byKey = (apikey: string) => ({
  grant_type: 'urn:ibm:params:oauth:grant-type:apikey',
  apikey,
  response_type: 'cloud_iam',
})

describe('the configuration of a service', () => {
  const url = 'https://orders.cloudantnosqldb.appdomain.cloud'

  it('is read from variables with its name', async () => {
    const { apikey } = iam.account
    env({ CLOUDANT_APIKEY: apikey, CLOUDANT_URL: url, CLOUDANT_AUTH_URL: iam.url, CLOUDANT_AUTH_TYPE: 'IAM' })
    expect(await requested('cloudant')).toEqual({ form: byKey(apikey), origins: url })
    env({ CLOUDANT_AUTH_TYPE: undefined, CLOUDANT_AUTHTYPE: 'iam', CLOUDANT_SCOPE: 'ibm openid' })
    expect(await requested('cloudant')).toEqual({ form: { ...byKey(apikey), scope: 'ibm openid' }, origins: url })
    expect(await requested('cloudant', { scope: 'mine', origins: 'https://a.example.com' })).toEqual({
      form: { ...byKey(apikey), scope: 'mine' },
      origins: 'https://a.example.com',
    })
  })

  it('has a name of several words in the spellings of variables', async () => {
    env({ WATSONX_AI_APIKEY: iam.account.apikey, WATSONX_AI_AUTH_URL: `${iam.url}/identity/token` })
    for (const service of ['watsonx-ai', 'watsonx_ai', 'Watsonx_AI']) {
      expect(await requested(service)).toEqual({ form: byKey(iam.account.apikey), origins: undefined })
    }
  })

  it('of Code Engine with a prefix is found by the name of the SDK and by the name of the platform', async () => {
    const { apikey } = iam.account
    env({
      CLOUDANTNOSQLDB_APIKEY: apikey,
      CLOUDANTNOSQLDB_HOST: 'orders.example.com',
      CLOUDANTNOSQLDB_PORT: '443',
      CLOUDANTNOSQLDB_USERNAME: 'orders',
      CLOUDANTNOSQLDB_AUTH_URL: iam.url,
    })
    for (const service of ['cloudant', 'cloudantnosqldb']) {
      expect(await requested(service)).toEqual({ form: byKey(apikey), origins: 'https://orders.example.com' })
    }
    env({ CLOUDANTNOSQLDB_PORT: '8443' })
    expect((await requested('cloudant')).origins).toBe('https://orders.example.com:8443')
  })

  it('loses user and password of its URL', async () => {
    const withUser = `https://orders:${password}@orders.example.com/db?x=${password}`
    env({ CLOUDANT_APIKEY: iam.account.apikey, CLOUDANT_AUTH_URL: iam.url, CLOUDANT_URL: withUser })
    expect((await requested('cloudant')).origins).toBe('https://orders.example.com')
  })

  it.each([
    `not a URL ${password}`,
    `ftp://u:${password}@a.example.com`,
    'https://*.example.com',
    'orders.example.com',
  ])('with the URL %j names no origin, so one must be given', async (text) => {
    env({ CLOUDANT_APIKEY: iam.account.apikey, CLOUDANT_AUTH_URL: iam.url, CLOUDANT_URL: text })
    expect(problemOf({ service: 'cloudant' })).toMatchObject({
      code: 'INVALID_CREDENTIALS_SOURCE',
      message: expect.stringMatching(/^the service's URL in CLOUDANT_\* is not an http\(s\) URL of one host/),
    })
    const origins = 'https://orders.example.com'
    expect((await requested('cloudant', { origins })).origins).toBe(origins)
  })

  it('is not shown by anything that is made from it', async () => {
    env({
      CLOUDANT_APIKEY: iam.account.apikey,
      CLOUDANT_AUTH_URL: iam.url,
      CLOUDANT_URL: `https://u:${password}@a.example.com`,
    })
    await using provider = createTokenProvider({ service: 'cloudant' })
    await provider.getToken()
    const made = [provider, provider.health(), withService({ service: 'cloudant' }), fetchAuth({ service: 'cloudant' })]
    for (const value of made) {
      const shown = `${inspect(value, { depth: 20, showHidden: true })} ${JSON.stringify(value)} ${String(value)}`
      expect(shown).not.toContain(iam.account.apikey)
      expect(shown).not.toContain(password)
    }
  })

  it('does not count as consent to plain HTTP', async () => {
    env({ CLOUDANT_APIKEY: iam.account.apikey, CLOUDANT_AUTH_URL: iam.url, CLOUDANT_URL: 'http://db.example.com' })
    expect(problemOf({ service: 'cloudant' })).toMatchObject({
      code: 'INSECURE_TRANSPORT',
      message: expect.stringMatching(/CLOUDANT_\*.*list http:\/\/db\.example\.com in `origins`/),
    })
    const origins = 'http://db.example.com'
    expect((await requested('cloudant', { origins })).origins).toBe(origins)
    expect((await requested('cloudant', { allowInsecureRequests: true })).origins).toBe(origins)
    env({ CLOUDANT_URL: 'http://127.0.0.1:5984' })
    expect((await requested('cloudant')).origins).toBe('http://127.0.0.1:5984')
  })

  describe.each(['CE_SERVICES', 'VCAP_SERVICES'])('in %s', (variable) => {
    const instance = (name: string, more: object = {}) => ({
      name,
      credentials: { apikey: iam.account.apikey, url, auth_url: iam.url, username: 'orders', port: 443, ...more },
    })

    it('is found by the name of the instance, then by the label, in any spelling', async () => {
      services(variable, {
        'user-provided': [instance('cloudantnosqldb', { url: 'https://by-name.example.com' })],
        cloudantNoSQLDB: [instance('orders-db'), 'text', { name: 'no credentials' }],
      })
      const form = byKey(iam.account.apikey)
      expect(await requested('cloudantnosqldb')).toEqual({ form, origins: 'https://by-name.example.com' })
      for (const service of ['orders-db', 'cloudant', 'CLOUDANTNOSQLDB']) {
        expect(await requested(service)).toEqual({ form, origins: url })
      }
    })

    it('must be a single one', () => {
      services(variable, { cloudantnosqldb: [instance('one'), instance('two')] })
      const { code, message } = problemOf({ service: 'cloudant' })
      expect(code).toBe('INVALID_CREDENTIALS_SOURCE')
      expect(message).toMatch(new RegExp(`${variable}.*one, two.*\`service\``))
    })

    it('is named with the reason if it is redacted, or is not about OAuth', () => {
      services(variable, { cloudantnosqldb: [{ name: 'db', credentials: { REDACTED: 'REDACTED' } }] })
      expect(problemOf({ service: 'cloudant' }).message).toContain(`"db" in ${variable} cannot be used: it is REDACTED`)
      services(variable, { cloudantnosqldb: [{ name: 'db', credentials: { username: 'u', password } }] })
      expect(problemOf({ service: 'cloudant' }).message).toMatch(
        new RegExp(`${variable}, instance db: AUTH_TYPE must be.*basic: use an API key`),
      )
      vi.stubEnv(variable, `{"cloudant": ${password}`)
      expect(problemOf({ service: 'cloudant' }).message).toBe(`${variable} is not a JSON object`)
    })
  })

  it('comes from one source alone, in the order of the SDKs', async () => {
    const names = [] as unknown[]
    const look = async () => names.push(new URL(String((await requested('cloudant')).origins)).hostname)
    const configured = (host: string) => ({ apikey: iam.account.apikey, url: `https://${host}`, auth_url: iam.url })
    const lines = (host: string) =>
      Object.entries(configured(host))
        .map(([name, value]) => `CLOUDANT_${name.toUpperCase()}=${value}\n`)
        .join('')
    env({ SERVICE_BINDING_ROOT: join(directory, 'bindings') })
    for (const path of ['bindings', 'bindings/orders-db']) mkdirSync(join(directory, path))
    file('bindings/orders-db/binding', JSON.stringify({ type: 'cloudantNoSQLDB', ...configured('mounted') }))
    await look()
    services('VCAP_SERVICES', { cloudant: [{ credentials: configured('vcap') }] })
    await look()
    services('CE_SERVICES', { cloudant: [{ credentials: configured('ce') }] })
    await look()
    env({ CLOUDANT_APIKEY: iam.account.apikey, CLOUDANT_URL: 'https://variable', CLOUDANT_AUTH_URL: iam.url })
    await look()
    file('ibm-credentials.env', lines('home'))
    await look()
    const working = join(directory, 'working')
    mkdirSync(working)
    vi.spyOn(process, 'cwd').mockReturnValue(working)
    file('working/ibm-credentials.env', lines('working'))
    await look()
    const named = join(directory, 'named')
    mkdirSync(named)
    writeFileSync(join(named, 'ibm-credentials.env'), lines('directory'))
    env({ IBM_CREDENTIALS_FILE: named })
    await look()
    symlinkSync(file('data', lines('file')), join(directory, 'link.env'))
    env({ IBM_CREDENTIALS_FILE: join(directory, 'link.env') })
    await look()
    expect(names).toEqual(['mounted', 'vcap', 'ce', 'variable', 'home', 'working', 'directory', 'file'])
  })

  it('is found if there is no working directory', async () => {
    vi.spyOn(process, 'cwd').mockImplementation(() => {
      throw Object.assign(new Error('ENOENT: uv_cwd'), { code: 'ENOENT' })
    })
    file('ibm-credentials.env', `CLOUDANT_APIKEY=${iam.account.apikey}\nCLOUDANT_AUTH_URL=${iam.url}`)
    expect((await requested('cloudant')).form).toEqual(byKey(iam.account.apikey))
  })

  it('is not read from variables of the program that only begin with the same letters', async () => {
    env({ CLOUDANT_DATABASE: 'orders', CLOUDANT_LOG_LEVEL: 'debug', CLOUDANT_ORDERS_APIKEY: password })
    services('CE_SERVICES', { cloudant: [{ credentials: { apikey: iam.account.apikey, auth_url: iam.url } }] })
    expect((await requested('cloudant')).form).toEqual(byKey(iam.account.apikey))
  })

  it('that is missing is an error that lists the places searched', () => {
    const { code, message } = problemOf({ service: 'cloudant' })
    expect(code).toBe('INVALID_CREDENTIALS_SOURCE')
    expect(message).toContain('ibm-credentials.env, CLOUDANT_*, CE_SERVICES, VCAP_SERVICES and SERVICE_BINDING_ROOT')
    env({ IBM_CREDENTIALS_FILE: join(directory, 'missing') })
    expect(problemOf({ service: 'cloudant' }).message).toMatch(/^IBM_CREDENTIALS_FILE names .*missing/)
    env({ IBM_CREDENTIALS_FILE: file('other.env', 'KMS_APIKEY=x') })
    expect(problemOf({ service: 'cloudant' }).message).toContain('other.env, CLOUDANT_*')
    env({ IBM_CREDENTIALS_FILE: undefined, SERVICE_BINDING_ROOT: join(directory, 'nowhere') })
    expect(problemOf({ service: 'cloudant' }).message).toMatch(/nowhere of SERVICE_BINDING_ROOT cannot be read/)
  })
})

describe('AUTH_TYPE', () => {
  it('container is a trusted profile, by id or by name, with the token of the compute resource', async () => {
    const { id, name, crn } = iam.account.trustedProfile
    const tokenFile = file('token', `${iam.account.computeResourceToken}\n`)
    env({ WATSONX_AI_AUTH_URL: iam.url, WATSONX_AI_CR_TOKEN_FILENAME: tokenFile })
    const common = {
      grant_type: 'urn:ibm:params:oauth:grant-type:cr-token',
      cr_token: iam.account.computeResourceToken,
    }
    for (const type of ['container', 'Container', undefined]) {
      env({ WATSONX_AI_AUTH_TYPE: type, WATSONX_AI_IAM_PROFILE_ID: id, WATSONX_AI_IAM_PROFILE_NAME: name })
      expect((await requested('watsonx-ai')).form).toEqual({ ...common, profile_id: id })
      env({ WATSONX_AI_IAM_PROFILE_ID: undefined })
      expect((await requested('watsonx-ai')).form).toEqual({ ...common, profile_name: name })
      env({ WATSONX_AI_IAM_PROFILE_NAME: undefined, WATSONX_AI_IAM_PROFILE_CRN: crn })
      expect((await requested('watsonx-ai')).form).toEqual({ ...common, profile_crn: crn })
      env({ WATSONX_AI_IAM_PROFILE_CRN: undefined })
    }
    expect(problemOf({ service: 'watsonx-ai' }).message).toMatch(/WATSONX_AI_\*: .*IAM_PROFILE_ID/)
  })

  it('is iam, with a client for the key only if id and secret are both there, as in the SDKs', async () => {
    await using known = await startIam({ client: { clientId: 'c', secret: 's' } })
    env({ CLOUDANT_APIKEY: known.account.apikey, CLOUDANT_AUTH_URL: known.url, CLOUDANT_CLIENT_ID: 'c' })
    await createTokenProvider({ service: 'cloudant' }).getToken()
    env({ CLOUDANT_CLIENT_SECRET: 's' })
    await createTokenProvider({ service: 'cloudant' }).getToken()
    const basic = `Basic ${Buffer.from('c:s').toString('base64')}`
    expect(known.received.map(({ headers }) => headers.authorization)).toEqual([undefined, basic])
  })

  it('vpc is the metadata service, with a profile by id or CRN or without one', async () => {
    await using metadata = await startInstanceMetadata({ iam })
    const { id, crn } = iam.account.trustedProfile
    env({ CLOUDANT_AUTH_TYPE: 'VPC', CLOUDANT_AUTH_URL: metadata.url, CLOUDANT_URL: 'https://db.example.com' })
    const bodies: unknown[] = []
    for (const profile of [{}, { CLOUDANT_IAM_PROFILE_ID: id }, { CLOUDANT_IAM_PROFILE_CRN: crn }]) {
      env({ CLOUDANT_IAM_PROFILE_ID: undefined, ...profile })
      await using provider = createTokenProvider({ service: 'cloudant' })
      expect(await iam.verify((await provider.getToken()).accessToken)).toBeDefined()
      bodies.push(metadata.received.at(-1)?.body)
    }
    expect(bodies).toEqual(['', `{"trusted_profile":{"id":"${id}"}}`, `{"trusted_profile":{"crn":"${crn}"}}`])
    for (const name of ['CLOUDANT_SERVICE_VERSION', 'CLOUDANT_VPC_IMS_VERSION']) {
      env({ CLOUDANT_SERVICE_VERSION: undefined, [name]: '2025-08-26' })
      await createTokenProvider({ service: 'cloudant' }).getToken()
      expect(metadata.received.at(-1)?.path).toBe('/identity/v1/iam_tokens?version=2025-08-26')
    }
    env({ CLOUDANT_IAM_PROFILE_CRN: undefined, CLOUDANT_IAM_PROFILE_NAME: 'orders' })
    expect(problemOf({ service: 'cloudant' }).message).toMatch(/CLOUDANT_\*: .*does not know IAM_PROFILE_NAME/)
    env({ CLOUDANT_IAM_PROFILE_NAME: undefined, CLOUDANT_VPC_IMS_VERSION: 'newest' })
    expect(problemOf({ service: 'cloudant' }).message).toMatch(/^CLOUDANT_\*: `version` must be a date/)
  })

  it.each(['basic', 'bearerToken', 'noAuth', 'mcsp', 'mcspv2', 'cp4d', 'iamAssume', 'COUCHDB_SESSION'])(
    '%s is an error that gives advice',
    (type) => {
      env({ CLOUDANT_AUTH_TYPE: type, CLOUDANT_APIKEY: password, CLOUDANT_URL: 'https://a.example.com' })
      const { code, message } = problemOf({ service: 'cloudant' })
      expect(code).toBe('INVALID_CREDENTIALS_SOURCE')
      expect(message.toLowerCase()).toMatch(
        new RegExp(`cloudant_\\*: auth_type.*cannot be ${type.toLowerCase()}: \\w+`),
      )
    },
  )

  it('that IBM does not define is an error that does not repeat it', () => {
    env({ CLOUDANT_AUTH_TYPE: 'constructor', CLOUDANT_APIKEY: 'x' })
    expect(problemOf({ service: 'cloudant' }).message).toMatch(/AUTH_TYPE must be iam, container or vpc$/)
    expect(problemOf({ service: 'constructor' }).message).toMatch(/"constructor" is not configured/)
    env({ CLOUDANT_AUTH_TYPE: password, CLOUDANT_APIKEY: 'x' })
    expect(problemOf({ service: 'cloudant' }).message).toMatch(/AUTH_TYPE must be iam, container or vpc/)
    env({ CLOUDANT_AUTH_TYPE: 'iam', CLOUDANT_APIKEY: undefined, CLOUDANT_URL: 'https://a.example.com' })
    expect(problemOf({ service: 'cloudant' }).message).toMatch(/APIKEY is missing/)
    env({ CLOUDANT_APIKEY: 'x', CLOUDANT_AUTH_URL: `https://u:${password}@iam.example.com` })
    expect(problemOf({ service: 'cloudant' })).toMatchObject({
      code: 'INVALID_CREDENTIALS_SOURCE',
      message: expect.stringMatching(/^CLOUDANT_\*: `url` must be/),
    })
  })

  it("is not needed for App ID's fields, whose API key is for its management", async () => {
    const client = { clientId: 'c', secret: 'fake-api-key', oauthServerUrl: 'https://a.example.com/oauth/v4/t' }
    const expected = {
      clientId: 'c',
      secret: 'fake-api-key',
      oauthServerUrl: client.oauthServerUrl,
      origins: undefined,
    }
    services('CE_SERVICES', { appid: [{ name: 'my-appid', credentials: { ...client, apikey: 'fake', version: 4 } }] })
    expect(withService({ service: 'my-appid' }).options).toMatchObject(expected)
    expect(withService({ service: 'appid' })).toMatchObject({ from: 'CE_SERVICES, instance my-appid' })
    env({ ORDERS_CLIENTID: 'c', ORDERS_SECRET: 'fake-api-key', ORDERS_OAUTHSERVERURL: client.oauthServerUrl })
    expect(withService({ service: 'orders' }).options).toMatchObject(expected)
    env({ ORDERS_SECRET: undefined })
    expect(problemOf({ service: 'orders' }).code).toBe('MISSING_SECRET_ERROR')
    env({ ORDERS_TYPE: 'singlepageapp' })
    expect(problemOf({ service: 'orders' }).message).toContain('a single-page application has none')
    services('CE_SERVICES', { appid: [{ credentials: { ...client, apikey: 'fake', AUTH_TYPE: 'iam' } }] })
    expect(withService({ service: 'appid' }).options.grant).toBeTypeOf('function')
  })
})

describe('`service`', () => {
  it.each([
    { clientId: 'c' },
    { secret: 's' },
    { tokenEndpoint: 'https://a.example.com/token' },
    { bindingFile: 'x' },
    { instanceName: 'x' },
    { clientAuth: 'client_secret_post' as const },
    { issuer: 'https://id.example.com' },
    { grant: ibmIam({ apikey: 'fake' }) },
    { source: () => ({ access_token: 'fake' }) },
  ])('is not given with %o, which it would replace', (options) => {
    expect(() => createTokenProvider({ service: 'cloudant', ...options })).toThrow(TypeError)
    expect(() => createTokenProvider({ service: 'cloudant', ...options })).toThrow(Object.keys(options)[0])
  })

  it('in getAuthorizationHeader() depends on working directory and home: the first one found used to serve all', async () => {
    const headers: string[] = []
    const ask = async () => headers.push(await getAuthorizationHeader({ service: 'cloudant' }))
    const configured = (place: string) => {
      const path = join(directory, place)
      mkdirSync(path)
      const text = `CLOUDANT_APIKEY=fake-api-key-of-a-binding\nCLOUDANT_AUTH_URL=${iam.url}\n`
      writeFileSync(join(path, 'ibm-credentials.env'), text)
      return path
    }
    for (const working of [configured('one'), configured('two')]) {
      vi.spyOn(process, 'cwd').mockReturnValue(working)
      await ask()
      await ask()
    }
    vi.spyOn(process, 'cwd').mockReturnValue(directory)
    for (const home of [configured('alice'), configured('bob')]) {
      vi.stubEnv('HOME', home)
      await ask()
      await ask()
    }
    // Each of the four places has its own token, which the second call takes from the cache.
    expect(iam.tokenRequests).toBe(4)
    expect(new Set(headers).size).toBe(4)
  })

  it('works in getAuthorizationHeader(), which reads its configuration at each call', async () => {
    const { apikey } = iam.account
    env({ CLOUDANT_APIKEY: apikey, CLOUDANT_AUTH_URL: iam.url })
    const first = await getAuthorizationHeader({ service: 'cloudant' })
    expect(await getAuthorizationHeader({ service: 'cloudant' })).toBe(first)
    iam.account.rotateApikey('fake-api-key-after')
    env({ CLOUDANT_APIKEY: 'fake-api-key-after' })
    expect(await getAuthorizationHeader({ service: 'cloudant' })).not.toBe(first)
    expect(iam.tokenRequests).toBe(2)
  })
})
