import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenProvider, ibmIam, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, recordingFetch, unsignedJwt } from '../servers/sent-token-requests.ts'

const apikey = 'Fk9_fake-apikey'
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mca-auth-iam-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

async function requested(options: McaAuthOptions, answer?: Answer) {
  const { fetch, sent } = recordingFetch(answer)
  await using provider = createTokenProvider({ fetch, ...options })
  const outcome = await provider.getToken().catch((error: McaAuthError) => error)
  return { sent, outcome, first: sent[0] }
}

describe('ibmIam with an API key', () => {
  it('sends the documented form to IAM, without a client', async () => {
    const { first } = await requested({ grant: ibmIam({ apikey }) })
    expect(first?.url).toBe('https://iam.cloud.ibm.com/identity/token')
    expect(first?.form).toEqual({
      grant_type: 'urn:ibm:params:oauth:grant-type:apikey',
      response_type: 'cloud_iam',
      apikey,
    })
    expect(first?.headers.authorization).toBeUndefined()
    expect(first?.headers['content-type']).toBe('application/x-www-form-urlencoded')
  })

  it.each([
    ['https://private.iam.cloud.ibm.com', 'https://private.iam.cloud.ibm.com/identity/token'],
    ['https://iam.test.cloud.ibm.com/', 'https://iam.test.cloud.ibm.com/identity/token'],
    ['https://iam.test.cloud.ibm.com/identity/token', 'https://iam.test.cloud.ibm.com/identity/token'],
    ['https://iam.example.com/identity/token/', 'https://iam.example.com/identity/token'],
    ['https://gateway.example.com/iam/', 'https://gateway.example.com/iam/identity/token'],
  ])('accepts %s as the server', async (url, endpoint) => {
    expect((await requested({ grant: ibmIam({ apikey, url }) })).first?.url).toBe(endpoint)
  })

  it('sends id and secret raw, and the scope, if they are given', async () => {
    const { first } = await requested({
      grant: ibmIam({ apikey }),
      ...{ clientId: 'id+:', secret: 'fake+secret', scope: 'ibm openid' },
    })
    expect(first?.headers.authorization).toBe(`Basic ${btoa('id+::fake+secret')}`)
    expect(first?.form.scope).toBe('ibm openid')
    expect(first?.form.client_id).toBeUndefined()
  })

  it('calls a function for the key at each token request, and again after a denial', async () => {
    const keys = ['fake-old', 'fake-new']
    const { sent, outcome } = await requested(
      { grant: ibmIam({ apikey: () => keys.shift() ?? 'fake-new' }) },
      ({ form }) => (form.apikey === 'fake-new' ? Response.json({ access_token: 't' }) : iamError(400, 'BXNIM0415E')),
    )
    expect(sent.map(({ form }) => form.apikey)).toEqual(['fake-old', 'fake-new'])
    expect(outcome).toMatchObject({ accessToken: 't' })
  })

  it('does not repeat a denied request if the key is the same', async () => {
    const { sent, outcome } = await requested({ grant: ibmIam({ apikey: async () => apikey }) }, () =>
      iamError(400, 'BXNIM0415E'),
    )
    expect(sent).toHaveLength(1)
    expect(outcome).toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error: 'BXNIM0415E' })
  })

  it.each([
    [{}],
    [{ apikey, trustedProfile: { id: 'Profile-fake' } }],
    [{ apikey, tokenFile: '/token' }],
    [{ tokenFile: '/token' }],
    [{ apikey: '' }],
    [{ apikey, urls: 'https://x' }],
    [{ apikey, url: 'iam.cloud.ibm.com' }],
    [{ trustedProfile: {} }],
    [{ trustedProfile: { id: 'a', crn: 'b' } }],
    [{ trustedProfile: { profile: 'a' } }],
    [{ trustedProfile: { id: '' } }],
    [{ trustedProfile: 'Profile-fake' }],
  ])('throws at once for %o', (settings) => {
    expect(() => ibmIam(settings as never)).toThrow(TypeError)
  })

  it.each([
    [{ clientId: 'c' }, 'MISSING_SECRET_ERROR'],
    [{ secret: 'fake' }, 'MISSING_CLIENTID_ERROR'],
  ])('requires id and secret together: %o', (options, code) => {
    expect(() => createTokenProvider({ grant: ibmIam({ apikey }), ...options })).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it('has its own server, and takes no other from the options or the platform', async () => {
    const grant = ibmIam({ apikey })
    for (const name of ['tokenEndpoint', 'serverUrl', 'oauthServerUrl']) {
      expect(() => createTokenProvider({ grant, [name]: 'https://idp.example.com/' })).toThrow(TypeError)
    }
    process.env.CE_SERVICES = 'not JSON: it is not read'
    try {
      expect((await requested({ grant })).first?.url).toContain('iam.cloud.ibm.com')
    } finally {
      delete process.env.CE_SERVICES
    }
  })
})

describe('ibmIam with a trusted profile', () => {
  it.each([['id'], ['name'], ['crn']])(
    'sends the token of the file, trimmed, and the profile by its %s',
    async (field) => {
      const tokenFile = join(directory, 'sa-token')
      writeFileSync(tokenFile, 'fake.cr.token\n')
      const trustedProfile = { [field]: 'orders' } as { id: string }
      const { first } = await requested({ grant: ibmIam({ trustedProfile, tokenFile }) })
      expect(first?.form).toEqual({
        grant_type: 'urn:ibm:params:oauth:grant-type:cr-token',
        cr_token: 'fake.cr.token',
        [`profile_${field}`]: 'orders',
      })
    },
  )

  it('reads the file again for each token request, by its path: a symbolic link may be swapped', async () => {
    const tokenFile = join(directory, 'token')
    const { fetch, sent } = recordingFetch()
    await using provider = createTokenProvider({
      ...{ fetch, grant: ibmIam({ trustedProfile: { id: 'p' }, tokenFile }) },
    })
    for (const version of ['one', 'two']) {
      writeFileSync(join(directory, version), unsignedJwt({ sub: version }))
      symlinkSync(version, `${tokenFile}.new`)
      rmSync(tokenFile, { force: true })
      symlinkSync(version, tokenFile)
      unlinkSync(`${tokenFile}.new`)
      provider.clear()
      await provider.getToken()
    }
    expect(sent.map(({ form }) => form.cr_token)).toEqual(['one', 'two'].map((sub) => unsignedJwt({ sub })))
  })

  it('names the places where it looked if there is no token file', async () => {
    const { sent, outcome } = await requested({ grant: ibmIam({ trustedProfile: { id: 'p' } }) })
    expect(sent).toEqual([])
    expect(outcome).toMatchObject({ code: 'INVALID_CREDENTIALS_SOURCE' })
    for (const place of ['vault-token', 'sa-token', 'compute-resource-token']) {
      expect((outcome as Error).message).toContain(place)
    }
  })
})

function iamError(status: number, errorCode: string): Response {
  const context = { requestId: 'fake-req', host: 'iamid-fake-host', clientIp: '192.0.2.9' }
  return Response.json({ errorCode, errorMessage: 'Provided API key could not be found.', context }, { status })
}
