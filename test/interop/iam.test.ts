import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Iam, type InstanceMetadata, startIam, startInstanceMetadata } from '@mca-auth/testing'
import { ContainerAuthenticator, IamAuthenticator, VpcInstanceAuthenticator } from 'ibm-cloud-sdk-core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

let iam: Iam
let metadata: InstanceMetadata
let directory: string
let tokenFile: string

beforeEach(async () => {
  iam = await startIam({ client: { clientId: 'orders:é', secret: 'not a real secret' } })
  metadata = await startInstanceMetadata({ iam })
  directory = mkdtempSync(join(tmpdir(), 'mca-auth-iam-'))
  tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, `${iam.account.computeResourceToken}\n`)
})

afterEach(async () => {
  await metadata.close()
  await iam.close()
  rmSync(directory, { recursive: true })
})

interface Authenticator {
  authenticate(options: object): Promise<void>
}

/** The header that IBM's client would send, after it has requested and checked the token. */
async function headerOf(authenticator: Authenticator): Promise<string> {
  const options: { headers?: { Authorization?: string } } = {}
  await authenticator.authenticate(options)
  return options.headers?.Authorization ?? ''
}

/** The error of IBM's client for a response that denies the token. */
async function denialOf(authenticator: Authenticator): Promise<{ status: unknown; message: unknown; body: string }> {
  const error = await authenticator.authenticate({}).then(
    () => expect.fail('a token was issued'),
    (caught) => caught,
  )
  return { status: error.status, message: error.message, body: String(error.body) }
}

describe("startIam(), by IBM's own clients,", () => {
  const byKey = (options = {}) => new IamAuthenticator({ apikey: iam.account.apikey, url: iam.url, ...options })
  const byProfile = (options = {}) =>
    new ContainerAuthenticator({
      iamProfileId: iam.account.trustedProfile.id,
      crTokenFilename: tokenFile,
      url: iam.url,
      ...options,
    })

  it('issues a token for an API key, which they keep until it is about to expire', async () => {
    const authenticator = byKey()
    const header = await headerOf(authenticator)
    expect(await headerOf(authenticator)).toBe(header)
    expect(iam.tokenRequests).toBe(1)
    expect((await iam.verify(header.replace('Bearer ', '')))?.scope).toBe('ibm openid')
    iam.lifetimeSeconds = 5
    const shortLived = byKey()
    await headerOf(shortLived)
    await headerOf(shortLived)
    expect(iam.tokenRequests).toBe(3)
  })

  it('accepts the URL with and without the path, as they do', async () => {
    for (const url of [iam.url, `${iam.url}/`, `${iam.url}/identity/token`]) await headerOf(byKey({ url }))
    expect(iam.tokenRequests).toBe(3)
  })

  it('accepts the raw credentials of a client along with the key, and denies those of another one', async () => {
    await headerOf(byKey({ clientId: 'orders:é', clientSecret: 'not a real secret' }))
    expect(iam.received[0]?.headers.authorization).toMatch(/^Basic /)
    const denial = await denialOf(byKey({ clientId: 'bx', clientSecret: 'bx' }))
    expect(denial).toMatchObject({ status: 400, body: expect.stringContaining('BXNIM0602E') })
  })

  it('issues a token for the token of a compute resource and a profile by id or by name', async () => {
    const { name } = iam.account.trustedProfile
    for (const authenticator of [byProfile(), byProfile({ iamProfileId: undefined, iamProfileName: name })]) {
      expect(await iam.verify((await headerOf(authenticator)).replace('Bearer ', ''))).toBeDefined()
    }
    // It also sends the newline of the file.
    expect(iam.received[0]?.body).toContain('cr_token=not-a-real-cr-token%0A')
  })

  it('denies requests in a way that they report: unknown and disabled keys, profiles that are not linked, limits', async () => {
    const { account } = iam
    expect(await denialOf(byKey({ apikey: 'unknown' }))).toMatchObject({
      status: 400,
      // The message of the client for the response body of IAM.
      message: 'Access is denied due to invalid credentials.',
      body: expect.stringContaining('BXNIM0415E'),
    })
    account.throttleApikey(account.apikey)
    expect(await denialOf(byKey())).toMatchObject({ status: 429 })
    expect(await denialOf(byKey({ apikey: 'another' }))).toMatchObject({ status: 400 })
    account.endThrottling()
    account.disableApikey()
    expect((await denialOf(byKey())).body).toContain('BXNIM0462E')
    expect((await denialOf(byProfile({ iamProfileId: 'Profile-of-others' }))).body).toContain('BXNIM0398E')
    account.isProfileLinked = false
    expect((await denialOf(byProfile())).body).toContain('BXNIM0398E')
    account.rotateApikey('the-next-key')
    await headerOf(byKey({ apikey: 'the-next-key' }))
  })

  it('follows a script for its next responses, then continues as usual', async () => {
    iam.script({ status: 503, body: 'down' }, { reset: 'headers' })
    expect(await denialOf(byKey())).toMatchObject({ status: 503 })
    expect((await denialOf(byKey())).status).toBeUndefined()
    await headerOf(byKey())
  })
})

describe("startInstanceMetadata(), by IBM's own client,", () => {
  const byInstance = (options = {}) => new VpcInstanceAuthenticator({ url: metadata.url, ...options })

  it.each(['2022-03-01', '2025-08-26'])(
    "issues IAM's token in version %s, for any profile that is linked",
    async (v) => {
      const { id, crn } = iam.account.trustedProfile
      for (const profile of [{}, { iamProfileId: id }, { iamProfileCrn: crn }]) {
        const header = await headerOf(byInstance({ serviceVersion: v, ...profile }))
        expect(await iam.verify(header.replace('Bearer ', ''))).toBeDefined()
      }
      expect(metadata.received.map(({ method }) => method)).toEqual(['PUT', 'POST', 'PUT', 'POST', 'PUT', 'POST'])
      expect(iam.tokenRequests).toBe(0)
    },
  )

  it("denies requests in a way that it reports: another account's profile, a link that is gone, a service that is switched off", async () => {
    expect(await denialOf(byInstance({ iamProfileId: 'Profile-of-others' }))).toMatchObject({
      status: 400,
      body: expect.stringContaining('profile_not_linked'),
    })
    iam.account.isProfileLinked = false
    expect((await denialOf(byInstance())).body).toContain('profile_not_linked')
    metadata.isEnabled = false
    expect(await denialOf(byInstance())).toMatchObject({ status: 403, body: expect.stringContaining('unauthorized') })
  })

  it('follows a script for its next responses', async () => {
    metadata.script({ status: 500, body: { errors: [{ code: 'service_error', message: 'fake' }], status_code: 500 } })
    expect(await denialOf(byInstance())).toMatchObject({ status: 500, message: 'fake' })
  })
})

describe('startInstanceMetadata() denies what IBM documents as invalid:', () => {
  const identity = (path: string, init: RequestInit = {}) =>
    fetch(`${metadata.url}${path}`, { method: 'PUT', headers: { 'metadata-flavor': 'ibm' }, ...init })
  const url = '/instance_identity/v1/token?version=2022-03-01'

  it.each([
    ['no version', '/instance_identity/v1/token', {}, 400, 'missing_value'],
    ['a version before the first', '/instance_identity/v1/token?version=2021-01-01', {}, 400, 'invalid_value'],
    ['the old path for a new version', '/instance_identity/v1/token?version=2025-08-26', {}, 404, 'not_found'],
    ['the new path for an old version', '/identity/v1/token?version=2022-03-01', {}, 404, 'not_found'],
    ['no Metadata-Flavor', url, { headers: {} }, 400, 'missing_value'],
    ['a lifetime of 4 seconds', url, { body: '{"expires_in":4}' }, 400, 'invalid_value'],
    ['a lifetime of more than an hour', url, { body: '{"expires_in":3601}' }, 400, 'invalid_value'],
    ['a body that is not JSON', url, { body: 'expires_in=300' }, 400, 'invalid_request'],
    ['another method', url, { method: 'DELETE' }, 404, 'not_found'],
  ])('%s', async (_what, path, init, status, code) => {
    const response = await identity(path, init)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ errors: [{ code }], status_code: status })
  })

  it('a token of IAM for an identity token that is missing, unknown or forgotten', async () => {
    const { access_token } = (await (await identity(url)).json()) as { access_token: string }
    const exchange = (headers: Record<string, string>) =>
      fetch(`${metadata.url}/instance_identity/v1/iam_token?version=2022-03-01`, {
        method: 'POST',
        headers: { 'metadata-flavor': 'ibm', ...headers },
      })
    expect((await exchange({ authorization: `Bearer ${access_token}` })).status).toBe(200)
    expect((await exchange({})).status).toBe(401)
    expect((await exchange({ authorization: 'Bearer unknown' })).status).toBe(401)
    metadata.forgetIdentities()
    expect((await exchange({ authorization: `Bearer ${access_token}` })).status).toBe(401)
  })

  it('without any response if it is silent, as beyond the hop limit', async () => {
    metadata.isSilent = true
    const controller = new AbortController()
    const call = identity(url, { signal: controller.signal }).then(
      ({ status }) => status,
      (error: Error) => error.name,
    )
    await vi.waitFor(() => expect(metadata.received).toHaveLength(1))
    metadata.isSilent = false
    expect((await identity(url)).status).toBe(200)
    controller.abort()
    expect(await call).toBe('AbortError')
  })
})
