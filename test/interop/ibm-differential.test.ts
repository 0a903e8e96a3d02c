import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import { withService } from '@mca-auth/core/adapter'
import { type Iam, type IamTokenRequest, startIam, startInstanceMetadata } from '@mca-auth/testing'
import { getAuthenticatorFromEnvironment, readExternalSources } from 'ibm-cloud-sdk-core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

let iam: Iam
let directory: string

beforeEach(async () => {
  iam = await startIam({ apikey: 'fake+key/with=signs &%', client: { clientId: 'orders:é', secret: 'fake secret' } })
  directory = mkdtempSync(join(tmpdir(), 'mca-auth-differential-'))
  vi.stubEnv('HOME', directory)
  for (const name of ['IBM_CREDENTIALS_FILE', 'VCAP_SERVICES', 'CE_SERVICES']) vi.stubEnv(name, undefined)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await iam.close()
  rmSync(directory, { recursive: true })
})

/** The parts of a token request that decide which token is issued. */
function essence({ form, headers }: IamTokenRequest): object {
  const { authorization, accept } = headers
  // IBM's client sends a charset, which a form does not have (WHATWG URL §5).
  const type = headers['content-type']?.replace(';charset=utf-8', '')
  return { form, authorization, type, accept: accept?.split(',')[0] }
}

/** The token requests for one service: those of IBM's client, then ours. Both get a token. */
async function compare(service: string, options: McaAuthOptions = {}): Promise<object> {
  await getAuthenticatorFromEnvironment(service).authenticate({})
  await using provider = createTokenProvider({ service, ...options })
  await provider.getToken()
  const [theirs, ours] = iam.received.splice(0).map(essence)
  expect(ours).toEqual(theirs)
  return ours ?? {}
}

function env(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
}

describe("from the same configuration, our token requests equal those of IBM's client:", () => {
  it('an API key in variables, with a client and a scope', async () => {
    const { apikey } = iam.account
    env({ MY_DB_APIKEY: apikey, MY_DB_AUTH_URL: iam.url, MY_DB_URL: 'https://db.example.com' })
    expect(await compare('my-db')).toMatchObject({ form: { apikey, response_type: 'cloud_iam' } })
    env({ MY_DB_CLIENT_ID: 'orders:é', MY_DB_CLIENT_SECRET: 'fake secret', MY_DB_SCOPE: 'ibm openid' })
    expect(await compare('my-db')).toMatchObject({
      form: { scope: 'ibm openid' },
      authorization: expect.stringMatching(/^Basic /),
    })
  })

  it('URLs of IAM with and without the path', async () => {
    env({ MY_DB_APIKEY: iam.account.apikey })
    for (const end of ['', '/', '/identity/token']) {
      env({ MY_DB_AUTH_URL: `${iam.url}${end}` })
      await compare('my-db')
    }
  })

  it('a trusted profile by id, and by name', async () => {
    const { id, name } = iam.account.trustedProfile
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, iam.account.computeResourceToken)
    env({ MY_DB_AUTH_TYPE: 'container', MY_DB_AUTH_URL: iam.url, MY_DB_CR_TOKEN_FILENAME: tokenFile })
    env({ MY_DB_IAM_PROFILE_ID: id })
    expect(await compare('my-db')).toMatchObject({ form: { profile_id: id } })
    env({ MY_DB_IAM_PROFILE_ID: undefined, MY_DB_IAM_PROFILE_NAME: name, MY_DB_AUTH_TYPE: undefined })
    expect(await compare('my-db')).toMatchObject({ form: { profile_name: name } })
  })

  it.each(['2022-03-01', '2025-08-26'])('the metadata service, in version %s', async (version) => {
    await using metadata = await startInstanceMetadata({ iam })
    const { id, crn } = iam.account.trustedProfile
    env({ MY_DB_AUTH_TYPE: 'vpc', MY_DB_AUTH_URL: metadata.url, MY_DB_SERVICE_VERSION: version })
    for (const profile of [{}, { MY_DB_IAM_PROFILE_ID: id }, { MY_DB_IAM_PROFILE_CRN: crn }]) {
      env({ MY_DB_IAM_PROFILE_ID: undefined, ...profile })
      await getAuthenticatorFromEnvironment('my-db').authenticate({})
      await using provider = createTokenProvider({ service: 'my-db' })
      await provider.getToken()
      const [first, second, ...ours] = metadata.received.splice(0).map(({ method, path, body, headers }) => {
        const { accept, authorization, 'content-type': type, 'metadata-flavor': flavor } = headers
        // Each requests its own identity token.
        return { method, path, body, accept, isAuthorized: authorization !== undefined, type, flavor }
      })
      expect(ours).toEqual([first, second])
    }
  })

  it('VCAP_SERVICES by instance name, and by label', async () => {
    const credentials = { apikey: iam.account.apikey, url: 'https://db.example.com', authUrl: iam.url }
    env({ VCAP_SERVICES: JSON.stringify({ cloudant: [{ name: 'orders-db', credentials }] }) })
    await compare('orders-db')
    await compare('cloudant')
  })

  it.each([
    ['plain', (name: string, value: string) => `${name}=${value}\n`],
    ['of Windows, with a byte order mark', (name, value) => `\ufeff\r\n${name}=${value}\r\n`],
    ['in double quotes', (name, value) => `${name}="${value}"\n`],
    ['in single quotes, with a comment', (name, value) => `# ours\nexport ${name}='${value}' # "the 'key\n`],
    ['in backticks', (name, value) => `${name}=\`${value}\`\n`],
    ['with a colon and spaces', (name, value) => `  ${name}:   ${value}   \n`],
    ['with unclosed quotes', (name, value) => `${name}="${value}\n`],
    ['with text after the quotes', (name, value) => `${name}="${value}"x\n`],
    ['twice', (name, value) => `${name}=first\n${name}=${value}\n`],
  ] satisfies [string, (name: string, value: string) => string][])('a credentials file, %s', (_how, line) => {
    const values = [
      'plain',
      'a=b+c/&%',
      'a"b\'c',
      'a\\nb',
      'a#b',
      'a b',
      ' a ',
      'a\\"b',
      '"a"',
      "it''s",
      '{"a":"b"}',
      '',
    ]
    for (const value of values) {
      const text = `${line('MY_DB_SCOPE', value)}MY_DB_APIKEY=fake\nEMPTY=\n\nOTHER`
      writeFileSync(join(directory, 'ibm-credentials.env'), text)
      const theirs = readExternalSources('my-db') as { scope?: string; apikey?: string }
      expect(theirs.apikey).toBe('fake')
      // White space around a value is not part of it for us.
      expect(withService({ service: 'my-db' }).options.scope ?? '', text).toBe(theirs.scope?.trim())
    }
  })
})
