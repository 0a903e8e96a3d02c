import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Recorder, startRecorder } from '../servers/recorder.ts'

const mca = {
  admin_url: 'https://mobile.ng.bluemix.net/imfmobileplatformdashboard/?appGuid=appGUID',
  clientId: 'appGUID',
  secret: 'fake-mca-secret',
  serverUrl: 'https://imf-authserver.ng.bluemix.net/imf-authserver',
  tenantId: 'tenantId',
}
const mcaEndpoint = 'https://imf-authserver.ng.bluemix.net/imf-authserver/authorization/v1/apps/tenantId/token'
const appIdV3 = {
  version: 3,
  clientId: 'v3-client',
  secret: 'fake-v3-secret',
  tenantId: 't3',
  oauthServerUrl: 'https://appid-oauth.ng.bluemix.net/oauth/v3/t3',
  profilesUrl: 'https://appid-profiles.ng.bluemix.net/',
}
const appIdV4 = {
  apikey: 'fake-api-key',
  appidServiceEndpoint: 'https://us-south.appid.cloud.ibm.com',
  clientId: 'v4-client',
  discoveryEndpoint: 'https://us-south.appid.cloud.ibm.com/oauth/v4/t4/.well-known/openid-configuration',
  managementUrl: 'https://us-south.appid.cloud.ibm.com/management/v4/t4',
  oauthServerUrl: 'https://us-south.appid.cloud.ibm.com/oauth/v4/t4',
  profilesUrl: 'https://us-south.appid.cloud.ibm.com',
  secret: 'fake-v4-secret',
  tenantId: 't4',
  version: 4,
}
const v4Endpoint = 'https://us-south.appid.cloud.ibm.com/oauth/v4/t4/token'
const application = {
  clientId: 'app-client',
  tenantId: 't4',
  secret: 'fake-app-secret',
  name: 'orders',
  oAuthServerUrl: 'https://us-south.appid.cloud.ibm.com/oauth/v4/t4',
  profilesUrl: 'https://us-south.appid.cloud.ibm.com',
}

const variables = ['VCAP_SERVICES', 'VCAP_APPLICATION', 'CE_SERVICES', 'SERVICE_BINDING_ROOT']
let server: Recorder
let directory: string

beforeEach(async () => {
  for (const name of variables) delete process.env[name]
  directory = mkdtempSync(join(tmpdir(), 'mca-auth-'))
  server = await startRecorder((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"access_token":"opaque","expires_in":3600}')
  })
})

afterEach(async () => {
  for (const name of variables) delete process.env[name]
  rmSync(directory, { recursive: true })
  await server[Symbol.asyncDispose]()
})

/** The token request that these options would make, sent to our own server instead. */
async function asked(options: McaAuthOptions = {}): Promise<readonly [endpoint: string, idAndSecret: string]> {
  let endpoint = ''
  const provider = createTokenProvider({
    ...options,
    fetch: (url, init) => {
      endpoint = String(url)
      return fetch(`http://127.0.0.1:${server.port}/`, init)
    },
  })
  await provider.getToken()
  const authorization = server.received.at(-1)?.headers.authorization ?? ''
  return [endpoint, Buffer.from(authorization.replace('Basic ', ''), 'base64').toString('utf8')]
}

function codeOf(options: McaAuthOptions = {}): unknown {
  try {
    createTokenProvider(options)
  } catch (error) {
    return (error as { code?: unknown }).code
  }
  throw new Error('expected a failure')
}

function messageOf(options: McaAuthOptions = {}): string {
  try {
    createTokenProvider(options)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('expected a failure')
}

const vcap = (services: unknown) => {
  process.env.VCAP_SERVICES = JSON.stringify(services)
}

describe('credentials', () => {
  it("are taken from the options of IBM's page", async () => {
    const options = { cacheSize: 100, appId: 'tenantID', clientId: 'clientId', secret: 'secret' }
    const serverUrl = ' https://imf-authserver.eu-gb.bluemix.net/imf-authserver// '
    const endpoint = 'https://imf-authserver.eu-gb.bluemix.net/imf-authserver/authorization/v1/apps/tenantID/token'
    expect(await asked({ ...options, serverUrl })).toEqual([endpoint, 'clientId:secret'])
  })

  it("take an App ID URL as serverUrl for App ID's, which needs no appId", async () => {
    for (const option of ['serverUrl', 'oauthServerUrl', 'oAuthServerUrl']) {
      const options = { clientId: 'c', secret: 's', [option]: appIdV4.oauthServerUrl }
      expect(await asked(options)).toEqual([v4Endpoint, 'c:s'])
    }
    const v3 = { clientId: 'c', secret: 's', serverUrl: appIdV3.oauthServerUrl }
    expect(await asked(v3)).toEqual(['https://appid-oauth.ng.bluemix.net/oauth/v3/t3/token', 'c:s'])
  })

  it('are read from VCAP_SERVICES: MCA, bare and in an envelope, ignoring its own tokenEndpoint', async () => {
    vcap({ AdvancedMobileAccess: [{ credentials: mca }] })
    expect(await asked()).toEqual([mcaEndpoint, 'appGUID:fake-mca-secret'])
    const credentials = { ...mca, tokenEndpoint: 'https://mobileclientaccess.ng.bluemix.net/oauth/v2/token' }
    const envelope = { name: 'Mobile Client Access-ag', label: 'AdvancedMobileAccess', plan: 'Gold', credentials }
    vcap({ 'AdvancedMobileAccess-d6aece47-d840-45b0-8ab9-ad15354deeea': [envelope] })
    expect(await asked()).toEqual([mcaEndpoint, 'appGUID:fake-mca-secret'])
  })

  it('are read from VCAP_SERVICES: App ID v3, v4, an application, and the service endpoint alone', async () => {
    vcap({ AppID: [{ credentials: appIdV3 }] })
    expect(await asked()).toEqual(['https://appid-oauth.ng.bluemix.net/oauth/v3/t3/token', 'v3-client:fake-v3-secret'])
    vcap({ AppID: [{ credentials: appIdV4 }] })
    expect(await asked()).toEqual([v4Endpoint, 'v4-client:fake-v4-secret'])
    vcap({ APPID: [{ credentials: application }] })
    expect(await asked()).toEqual([v4Endpoint, 'app-client:fake-app-secret'])
    const { oauthServerUrl: _, ...endpointOnly } = appIdV4
    vcap({ appid: [{ credentials: endpointOnly }] })
    expect(await asked()).toEqual([v4Endpoint, 'v4-client:fake-v4-secret'])
    const { discoveryEndpoint: ___, ...without } = endpointOnly
    vcap({ appid: [{ credentials: without }] })
    expect((await asked())[0]).toBe(v4Endpoint)
    const { appidServiceEndpoint: __, ...discoveryOnly } = endpointOnly
    vcap({ appid: [{ credentials: discoveryOnly }] })
    expect(await asked()).toEqual([v4Endpoint, 'v4-client:fake-v4-secret'])
  })

  it('are read from CE_SERVICES, but only if VCAP_SERVICES has no instance', async () => {
    process.env.CE_SERVICES = JSON.stringify({ appid: [{ credentials: appIdV4, name: 'App ID-yn', plan: 'p' }] })
    vcap({ cloudantNoSQLDB: [{ credentials: { url: 'https://example.com' } }] })
    expect(await asked()).toEqual([v4Endpoint, 'v4-client:fake-v4-secret'])
    vcap({ AdvancedMobileAccess: [{ credentials: mca }] })
    expect(await asked()).toEqual([mcaEndpoint, 'appGUID:fake-mca-secret'])
  })

  it('are read from a mounted binding: a file per key behind links, or one JSON file', async () => {
    process.env.SERVICE_BINDING_ROOT = directory
    const data = join(directory, 'appid', '..data')
    mkdirSync(data, { recursive: true })
    for (const [key, value] of Object.entries({ type: 'appid', ...appIdV4 })) {
      writeFileSync(join(data, key), `${value}\n`)
      symlinkSync(join('..data', key), join(directory, 'appid', key))
    }
    symlinkSync('nowhere', join(directory, 'appid', 'dangling'))
    mkdirSync(join(directory, '..2026_11_22'))
    writeFileSync(join(directory, '..2026_11_22', 'binding'), JSON.stringify(appIdV3))
    mkdirSync(join(directory, 'database'))
    writeFileSync(join(directory, 'database', 'password'), 'fake')
    expect(await asked()).toEqual([v4Endpoint, 'v4-client:fake-v4-secret'])

    rmSync(join(directory, 'appid'), { recursive: true })
    mkdirSync(join(directory, 'binding-appid1'))
    writeFileSync(join(directory, 'binding-appid1', 'binding'), JSON.stringify(appIdV3))
    expect(await asked()).toEqual(['https://appid-oauth.ng.bluemix.net/oauth/v3/t3/token', 'v3-client:fake-v3-secret'])
  })

  it('of a mounted binding may be chosen by name, and a file that cannot be read is named', async () => {
    process.env.SERVICE_BINDING_ROOT = directory
    for (const [name, json] of Object.entries({ one: appIdV3, two: appIdV4 })) {
      mkdirSync(join(directory, name))
      writeFileSync(join(directory, name, 'binding'), JSON.stringify(json))
    }
    symlinkSync('nowhere', join(directory, 'dangling'))
    expect(messageOf()).toMatch(/SERVICE_BINDING_ROOT.*one, two/)
    expect((await asked({ instanceName: 'two' }))[1]).toBe('v4-client:fake-v4-secret')
    process.env.SERVICE_BINDING_ROOT = join(directory, 'missing')
    expect(codeOf()).toBe('INVALID_CREDENTIALS_SOURCE')
    expect(messageOf()).toContain('SERVICE_BINDING_ROOT')
    expect(messageOf({ bindingFile: join(directory, 'missing') })).toMatch(/missing.*ENOENT/)
    process.env.SERVICE_BINDING_ROOT = ''
    expect(codeOf()).toBe('MISSING_CLIENTID_ERROR')
  })

  it('are read from the file that `bindingFile` names, instead of the platform', async () => {
    vcap({ AdvancedMobileAccess: [{ credentials: mca }] })
    const bindingFile = join(directory, 'binding')
    for (const json of [appIdV4, { name: 'x', credentials: appIdV4 }]) {
      writeFileSync(bindingFile, JSON.stringify(json))
      expect(await asked({ bindingFile })).toEqual([v4Endpoint, 'v4-client:fake-v4-secret'])
    }
  })

  it('take appId from application_id of VCAP_APPLICATION last', async () => {
    const { tenantId: _, ...credentials } = mca
    vcap({ AdvancedMobileAccess: [{ credentials }] })
    expect(codeOf()).toBe('MISSING_APPID_ERROR')
    process.env.VCAP_APPLICATION = '{"application_id":"guid"}'
    expect((await asked())[0]).toBe(mcaEndpoint.replace('tenantId', 'guid'))
    vcap({ AdvancedMobileAccess: [{ credentials: mca }] })
    expect((await asked())[0]).toBe(mcaEndpoint)
    expect((await asked({ appId: 'mine/x' }))[0]).toBe(mcaEndpoint.replace('tenantId', 'mine%2Fx'))
  })

  it('override field by field, but never send the secret of the platform elsewhere', async () => {
    vcap({ AppID: [{ credentials: appIdV4 }] })
    expect(await asked({ secret: 'mine' })).toEqual([v4Endpoint, 'v4-client:mine'])
    expect(await asked({ clientId: 'me', secret: 'mine' })).toEqual([v4Endpoint, 'me:mine'])
    const tokenEndpoint = 'https://idp.example.com/token'
    expect(await asked({ tokenEndpoint, secret: 'mine' })).toEqual([tokenEndpoint, 'v4-client:mine'])
    for (const options of [{ clientId: 'me' }, { tokenEndpoint }, { serverUrl: mca.serverUrl, appId: 'a' }]) {
      expect(codeOf(options)).toBe('MISSING_SECRET_ERROR')
      expect(messageOf(options)).toContain('the options name the client or the server')
    }
  })

  it('must be chosen by name if there are two instances', async () => {
    const [one, two] = [
      { name: 'one', credentials: appIdV3 },
      { name: 'two', credentials: appIdV4 },
    ]
    vcap({ AppID: [one, two], 'user-provided': [{ name: 'three', credentials: application }] })
    expect(codeOf()).toBe('INVALID_CREDENTIALS_SOURCE')
    expect(messageOf()).toMatch(/VCAP_SERVICES.*one, two.*instanceName/)
    expect((await asked({ instanceName: 'two' }))[1]).toBe('v4-client:fake-v4-secret')
    expect((await asked({ instanceName: 'three' }))[1]).toBe('app-client:fake-app-secret')
    expect(messageOf({ instanceName: 'four' })).toContain('"four"')
  })

  it.each([
    ['https://us-south.appid.cloud.ibm.com/'],
    ['https://us-south.appid.cloud.ibm.com///'],
    [' https://us-south.appid.cloud.ibm.com/ '],
  ])('have one slash between the service endpoint %j and the path', async (appidServiceEndpoint) => {
    const { oauthServerUrl: _, discoveryEndpoint: __, ...rest } = appIdV4
    vcap({ AppID: [{ credentials: { ...rest, appidServiceEndpoint } }] })
    expect((await asked())[0]).toBe(v4Endpoint)
  })

  it('have one slash between any other URL and the path', async () => {
    const { oauthServerUrl, appidServiceEndpoint: _, discoveryEndpoint, ...rest } = appIdV4
    for (const fields of [
      { oauthServerUrl: `${oauthServerUrl}//` },
      { discoveryEndpoint: `${discoveryEndpoint}/` },
      { discoveryEndpoint: oauthServerUrl.concat('//.well-known/openid-configuration') },
    ]) {
      vcap({ AppID: [{ credentials: { ...rest, ...fields } }] })
      expect((await asked())[0]).toBe(v4Endpoint)
    }
    const options = { appId: 'tenantId', clientId: 'c', secret: 's' }
    expect((await asked({ ...options, serverUrl: `${mca.serverUrl}//` }))[0]).toBe(mcaEndpoint)
  })

  describe('that cannot be used', () => {
    const redacted = { REDACTED: 'REDACTED' }
    const bind = (name: string, credential: object) => {
      process.env.SERVICE_BINDING_ROOT = directory
      mkdirSync(join(directory, name))
      writeFileSync(join(directory, name, 'binding'), JSON.stringify(credential))
    }

    it('in a mounted binding are named, with the reason', () => {
      bind('database', { password: 'fake-password' })
      bind('appid', { ...application, clientId: undefined })
      bind('hidden', redacted)
      const message = messageOf()
      expect(codeOf()).toBe('MISSING_CLIENTID_ERROR')
      expect(message).toMatch(/"database" in SERVICE_BINDING_ROOT: it has no `clientId`/)
      expect(message).toMatch(/"appid" in SERVICE_BINDING_ROOT: it has no `clientId`/)
      expect(message).toMatch(/"hidden" in SERVICE_BINDING_ROOT: it is REDACTED/)
      expect(message).not.toContain('fake-password')
      expect(messageOf({ instanceName: 'hidden' })).toMatch(/no instance named "hidden".*it is REDACTED/)
    })

    it('do not hide those that can', async () => {
      bind('database', { password: 'fake-password' })
      bind('hidden', redacted)
      bind('good', appIdV4)
      vcap({ AppID: [{ name: 'no access', credentials: redacted }] })
      expect((await asked())[1]).toBe('v4-client:fake-v4-secret')
    })

    it.each(['VCAP_SERVICES', 'CE_SERVICES'])('in %s because they are redacted are named', (variable) => {
      for (const credentials of [redacted, { clientId: 'REDACTED', secret: 'REDACTED', oauthServerUrl: 'REDACTED' }]) {
        process.env[variable] = JSON.stringify({ appid: [{ name: 'orders', credentials }] })
        expect(codeOf()).toBe('MISSING_CLIENTID_ERROR')
        expect(messageOf()).toContain(`"orders" in ${variable}: it is REDACTED`)
      }
    })

    it('of a single-page application, which has no secret, say so', () => {
      const { secret: _, profilesUrl: __, ...page } = { ...application, type: 'singlepageapp' }
      vcap({ AppID: [{ name: 'page', credentials: page }] })
      expect(codeOf()).toBe('MISSING_SECRET_ERROR')
      expect(messageOf()).toMatch(/VCAP_SERVICES, instance "page": a single-page application has no secret/)
      bind('page', page)
      delete process.env.VCAP_SERVICES
      expect(messageOf()).toMatch(/SERVICE_BINDING_ROOT, instance "page": a single-page application has no secret/)
      const bindingFile = join(directory, 'page', 'binding')
      expect(messageOf({ bindingFile })).toMatch(/binding: a single-page application has no secret/)
    })
  })

  it('are found among entries that are not instances, or have no credential', async () => {
    vcap({
      AppID: ['text', null, 7, { name: 'no credentials' }, { credentials: 'text' }, { credentials: appIdV4 }],
      x: 'y',
    })
    expect(await asked()).toEqual([v4Endpoint, 'v4-client:fake-v4-secret'])
    vcap({ 'My AppID': [{ credentials: appIdV3 }], AppID: { credentials: appIdV3 } })
    expect(codeOf()).toBe('MISSING_CLIENTID_ERROR')
  })

  it.each(['VCAP_SERVICES', 'CE_SERVICES', 'VCAP_APPLICATION'])(
    'malformed in %s name the variable, not its content',
    (name) => {
      if (name === 'VCAP_APPLICATION')
        vcap({ AdvancedMobileAccess: [{ credentials: { ...mca, tenantId: undefined } }] })
      for (const content of ['{"secret":"fake-secret-in-json', '["fake-secret"]', 'null']) {
        process.env[name] = content
        expect(codeOf()).toBe('INVALID_CREDENTIALS_SOURCE')
        expect(messageOf()).toContain(name)
        expect(messageOf()).not.toContain('fake-secret')
      }
    },
  )

  it('that hold an unusable URL name their source and the field', () => {
    vcap({ AppID: [{ credentials: { ...appIdV4, oauthServerUrl: 'ftp://user:fake-secret@x' } }] })
    expect(codeOf()).toBe('INVALID_CREDENTIALS_SOURCE')
    expect(messageOf()).toMatch(/VCAP_SERVICES.*oauthServerUrl/)
    expect(messageOf()).not.toContain('fake-secret')
  })

  it('that are missing have the codes of the published module, and list the places that were searched', () => {
    const all = { appId: 'a', clientId: 'c', secret: 's', serverUrl: mca.serverUrl }
    const codes = {
      appId: 'MISSING_APPID_ERROR',
      clientId: 'MISSING_CLIENTID_ERROR',
      secret: 'MISSING_SECRET_ERROR',
      serverUrl: 'MISSING_SERVER_URL_ERROR',
    }
    for (const [name, code] of Object.entries(codes)) {
      const options = { ...all, [name]: undefined }
      expect(codeOf(options)).toBe(code)
      expect(messageOf(options)).toContain(`\`${name}\``)
    }
    expect(messageOf({})).toContain(
      'VCAP_SERVICES, CE_SERVICES, SERVICE_BINDING_ROOT, APPID_*, clientId+oauthServerUrl and BINDING',
    )
    for (const secret of ['', ' \n', 7, null]) {
      vcap({ AppID: [{ credentials: { ...appIdV4, secret } }] })
      expect(codeOf()).toBe('MISSING_SECRET_ERROR')
    }
    expect(messageOf()).toContain('VCAP_SERVICES')
  })

  it('are not looked up if the options have all of them', async () => {
    process.env.VCAP_SERVICES = 'not JSON'
    const options = { clientId: 'c', secret: 's', tokenEndpoint: 'https://idp.example.com/token' }
    expect((await asked(options))[0]).toBe(options.tokenEndpoint)
    expect((await asked({ appId: 'tenantId', clientId: 'c', secret: 's', serverUrl: mca.serverUrl }))[0]).toBe(
      mcaEndpoint,
    )
    createTokenProvider({ ...options, secret: undefined, clientAuth: () => {} }).close()
    // Leave out one option at a time: it is then looked up.
    expect(codeOf({ ...options, secret: undefined })).toBe('INVALID_CREDENTIALS_SOURCE')
    expect(codeOf({ clientId: 'c', secret: 's', serverUrl: mca.serverUrl })).toBe('INVALID_CREDENTIALS_SOURCE')
    expect(codeOf({ ...options, clientId: undefined })).toBe('INVALID_CREDENTIALS_SOURCE')
  })

  it('do not allow a token endpoint over plain HTTP, beyond loopback', () => {
    const options = { clientId: 'c', secret: 's', tokenEndpoint: 'http://idp.example.com/token' }
    expect(codeOf(options)).toBe('INSECURE_TRANSPORT')
    createTokenProvider({ ...options, allowInsecureRequests: true }).close()
    for (const host of ['localhost', '127.0.0.1:80', '127.10.200.30', '[::1]:8080']) {
      createTokenProvider({ ...options, tokenEndpoint: `http://${host}/token` }).close()
    }
    for (const host of ['localhost.example.com', '127.0.0.1.example.com', '[::2]', 'localhost.']) {
      expect(codeOf({ ...options, tokenEndpoint: `http://${host}/token` })).toBe('INSECURE_TRANSPORT')
    }
  })
})
