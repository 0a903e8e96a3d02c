import { type Iam, type InstanceMetadata, startIam, startInstanceMetadata } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { doctor, Fixture, run, secret } from './fixture.ts'

const fixture = new Fixture()
const url = 'https://orders.cloudantnosqldb.appdomain.cloud'
let iam: Iam
let metadata: InstanceMetadata

beforeEach(async () => {
  iam = await startIam({ apikey: secret })
  metadata = await startInstanceMetadata({ iam })
})

afterEach(async () => {
  await metadata.close()
  await iam.close()
})

const cloudant = (more: Record<string, string> = {}) => ({
  CLOUDANT_APIKEY: secret,
  CLOUDANT_URL: `https://orders:fake-password@${new URL(url).host}/db`,
  CLOUDANT_AUTH_URL: iam.url,
  ...more,
})

/** A JWT as a platform mounts it, whose signature is a fake. */
function computeResourceToken(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', kid: 'of-the-cluster' })}.${part(claims)}.ZmFrZS1zaWduYXR1cmU`
}

function byProfile(claims: object): Record<string, string> {
  const token = computeResourceToken(claims)
  iam.account.computeResourceToken = token
  return {
    CLOUDANT_AUTH_TYPE: 'container',
    CLOUDANT_IAM_PROFILE_ID: iam.account.trustedProfile.id,
    CLOUDANT_AUTH_URL: iam.url,
    CLOUDANT_CR_TOKEN_FILENAME: fixture.file('sa-token', `${token}\n`),
  }
}

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

describe('mca-auth token --service', () => {
  it('prints a token of IAM for a service of IBM Cloud', async () => {
    const { code, out, err } = await run(['token', '--service', 'cloudant'], cloudant())
    expect([code, err]).toEqual([0, ''])
    expect(await iam.verify(out.trim().replace('Bearer ', ''))).toBeDefined()
  })

  it('says what is wrong with the configuration without showing it', async () => {
    const args = ['token', '--service', 'cloudant']
    const { code, out, err } = await run(args, cloudant({ CLOUDANT_AUTH_TYPE: 'basic' }))
    expect([code, out]).toEqual([3, ''])
    expect(err).toMatch(/CLOUDANT_\*: AUTH_TYPE must be iam, container or vpc/)
    expect(err).not.toMatch(/fake-password/)
    expect((await run([...args, '--client-id', 'x'], cloudant())).err).toMatch(
      /--client-id must not be given with --service/,
    )
  })
})

describe('mca-auth doctor --service', () => {
  it('says what is wrong with the configuration once, and suggests no other credentials, which do not go with it', async () => {
    const { code, rows } = await doctor(['--service', 'cloudant'], cloudant({ CLOUDANT_AUTH_TYPE: 'basic' }))
    expect(code).toBe(3)
    expect(rows).toContain('✗ service cloudant')
    expect(rows.filter((row) => row.includes('CLOUDANT_*: AUTH_TYPE must be'))).toHaveLength(1)
    expect(rows.filter((row) => row.startsWith('→'))).toEqual(['→ fix the variable or file named in the message'])
  })

  it('names an option of the library as a flag only if the command takes it', async () => {
    const plain = cloudant({ CLOUDANT_URL: 'http://orders.example.com' })
    const problem = "the service's URL in CLOUDANT_* is plain http: use https, or list http://orders.example.com in "
    const { rows } = await doctor(['--service', 'cloudant'], plain)
    expect(rows).toContain(`✗ INSECURE_TRANSPORT ${problem}--origin`)
    const { err } = await run(['token', '--service', 'cloudant'], plain)
    expect(err).toBe(`mca-auth: ${problem}\`origins\`\n(mca-auth doctor says more)\n`)
  })

  it('shows where the configuration was found, the origins, and the presented tokens', async () => {
    const { code, rows, out } = await doctor(['--service', 'cloudant'], cloudant())
    expect(code).toBe(0)
    expect(rows).toEqual(
      expect.arrayContaining([
        '✓ service cloudant from CLOUDANT_*',
        `· origins ${url}`,
        `✓ server ${iam.url}/identity/token, IBM Cloud IAM from CLOUDANT_*`,
        '✓ grant IBM Cloud IAM, API key from CLOUDANT_*',
        `· url ${iam.url}/identity/token`,
        '✓ scope ibm openid',
        '✓ Nothing is wrong: the server issued a token',
      ]),
    )
    expect(out).not.toMatch(/client id|fake-password|eyJ/)
    expect(iam.tokenRequests).toBe(1)
  })

  it('says whether a request would carry the token, by the URL of the configuration', async () => {
    const args = ['--service', 'cloudant', '--url']
    const listed = await doctor([...args, `${url}/_all_dbs`], cloudant())
    expect(listed.rows).toContain('✓ token would be sent')
    expect(listed.rows.filter((row) => row === `· origins ${url}`)).toHaveLength(2)
    const other = await doctor([...args, 'https://other.example.com/'], cloudant())
    expect([other.code, other.rows]).toEqual([7, expect.arrayContaining([expect.stringMatching(/origin-not-listed/)])])
  })

  it('shows who signed the token of a compute resource, and when it expires', async () => {
    const claims = { iss: 'https://cluster.example.com', sub: 'orders', aud: ['iam'], exp: inSeconds(3000) }
    const { code, rows, out } = await doctor(['--service', 'cloudant'], byProfile(claims))
    expect(code).toBe(0)
    expect(rows).toEqual(
      expect.arrayContaining([
        '✓ grant IBM Cloud IAM, trusted profile from CLOUDANT_*',
        '· token of the compute resource signed with RS256, key of-the-cluster',
        '· iss https://cluster.example.com, sub orders, aud ["iam"]',
        expect.stringMatching(/^· expires in (29|30)\d\d s, at 20/),
      ]),
    )
    expect(out).not.toContain('ZmFrZS1zaWduYXR1cmU')
    const soon = await doctor(['--service', 'cloudant'], byProfile({ ...claims, exp: inSeconds(40) }))
    expect(soon.rows).toEqual(expect.arrayContaining(['! it expires soon', expect.stringMatching(/renews it in time/)]))
  })

  it('shows the claims of an untrusted token without relying on them', async () => {
    const claims = { iss: '\u202Eevil\u001B[31m', sub: 'x'.repeat(10_000), exp: 9e15 }
    const { code, out } = await doctor(['--service', 'cloudant'], byProfile(claims))
    expect(code).toBe(0)
    for (const text of ['\u202E', '\u001B[31m', 'x'.repeat(300)]) expect(out).not.toContain(text)
    expect(out).toContain('an impossible time')
  })

  it('names a token file that has expired or is missing', async () => {
    const expired = await doctor(['--service', 'cloudant'], byProfile({ exp: inSeconds(-7200) }))
    expect(expired.code).toBe(3)
    expect(expired.out).toMatch(/sa-token has expired, 2 h ago/)
    const missing = { ...byProfile({}), CLOUDANT_CR_TOKEN_FILENAME: '/nowhere/sa-token' }
    expect((await doctor(['--service', 'cloudant'], missing)).out).toMatch(
      /\/nowhere\/sa-token cannot be read \(ENOENT\)/,
    )
  })

  it('shows both requests to the metadata service', async () => {
    const vpc = { CLOUDANT_AUTH_TYPE: 'vpc', CLOUDANT_AUTH_URL: metadata.url, CLOUDANT_URL: url }
    const { code, rows } = await doctor(['--service', 'cloudant'], vpc)
    expect(code).toBe(0)
    expect(rows).toEqual(
      expect.arrayContaining([
        `· url ${metadata.url}/instance_identity/v1/token?…`,
        expect.stringMatching(/^✓ response 200 after \d+ ms \(PUT\)$/),
        `· url ${metadata.url}/instance_identity/v1/iam_token?…`,
      ]),
    )
    metadata.isEnabled = false
    const off = await doctor(['--service', 'cloudant'], vpc)
    expect([off.code, off.out]).toEqual([4, expect.stringContaining('→ enable the metadata service')])
  })

  it.each([
    ['BXNIM0415E', '→ IAM does not know this API key', () => iam.account.rotateApikey('fake-other-key')],
    ['BXNIM0462E', '→ the API key is disabled', () => iam.account.disableApikey()],
  ])('says what %s means', async (error, advice, happens) => {
    happens()
    const { code, out } = await doctor(['--service', 'cloudant'], cloudant())
    expect([code, out]).toEqual([4, expect.stringContaining(error)])
    expect(out).toContain(advice)
    expect(out).not.toMatch(/of-context/)
  })

  it('explains that a profile is not linked, and that a key is rate-limited', async () => {
    iam.account.isProfileLinked = false
    const denied = await doctor(['--service', 'cloudant'], byProfile({ exp: inSeconds(3000) }))
    expect(denied.out).toContain('→ link the trusted profile to this compute resource')
    iam.account.throttleApikey(secret, 3600)
    const limited = await doctor(['--service', 'cloudant'], cloudant())
    expect([limited.code, limited.out]).toEqual([5, expect.stringContaining('→ wait until')])
  })

  it('hides an API key that comes back in an error or in a claim', async () => {
    const body = { errorCode: 'BXNIM0415E', errorMessage: `no such key: ${secret}`, context: { key: secret } }
    iam.script({ status: 400, body })
    const { out } = await doctor(['--service', 'cloudant'], cloudant())
    expect(out).toContain('no such key: [redacted]')
    iam.script({ body: { access_token: computeResourceToken({ sub: secret }), expires_in: 3600 } })
    expect((await doctor(['--service', 'cloudant'], cloudant())).rows).toContain('· sub [redacted]')
  })

  it('shows an API key of the platform that needs another option', async () => {
    const services = { cloudantnosqldb: [{ name: 'orders-db', credentials: { apikey: secret, url } }] }
    const { code, rows } = await doctor([], { CE_SERVICES: JSON.stringify(services) })
    expect(code).toBe(3)
    expect(rows).toContainEqual(
      "· orders-db cannot be used: it has an `apikey` and no `clientId`: for tokens of IBM Cloud IAM use `service: 'orders-db'`",
    )
  })
})
