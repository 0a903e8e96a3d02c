import { inspect } from 'node:util'
import { CloudantV1 } from '@ibm-cloud/cloudant'
import { type CachingTokenProvider, createTokenProvider } from '@mca-auth/core'
import { McaAuthenticator } from '@mca-auth/ibm-cloud-sdk'
import { type Iam, type IbmService, type ProtectedResource, startIam, startProtectedResource } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { clients } from '../faults/subjects.ts'

let iam: Iam
let service: ProtectedResource

beforeEach(async () => {
  iam = await startIam()
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await service.close()
  await iam.close()
})

/** A service that rejects like this service of IBM Cloud, and a provider made from its configuration. */
async function start(challenge: IbmService): Promise<CachingTokenProvider> {
  service = await startProtectedResource({ authorizationServer: iam, challenge })
  const variables = { APIKEY: iam.account.apikey, AUTH_URL: iam.url, URL: `${service.origin}/v2` }
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(`CALLEE_${name}`, value)
  return createTokenProvider({ service: 'callee' })
}

describe.each(clients)('$name, called with tokens of IAM:', ({ start: begin }) => {
  it.each(['cloudant', 'cloudant-basic', 'watsonx', 'key-protect'] as const)(
    'a 401 of %s costs one token request and one resend, also of a POST',
    async (challenge) => {
      await using provider = await start(challenge)
      await using running = begin(provider, true)
      for (const method of ['GET', 'POST'] as const) {
        expect(await running.call(`${service.origin}/orders`, { method })).toBe(200)
        iam.revokeAll()
      }
      expect(await running.call(`${service.origin}/orders`)).toBe(200)
      expect(iam.tokenRequests).toBe(3)
      expect(service.received.map(({ method }) => method)).toEqual(['GET', 'POST', 'POST', 'GET', 'GET'])
      expect([...service.answers]).toEqual([
        [200, 3],
        [401, 2],
      ])
    },
  )

  it('a 401 of Key Protect that a new token does not fix is delivered, and causes no storm', async () => {
    await using provider = await start('key-protect')
    await using running = begin(provider, true)
    service.rejectsAll = true
    for (let i = 0; i < 12; i++) expect(await running.call(service.origin)).toBe(401)
    // One token at the start, and at most four to replace rejected ones.
    expect(iam.tokenRequests).toBeLessThanOrEqual(5)
    expect(service.received.length).toBeLessThanOrEqual(12 + 4)
    service.rejectsAll = false
    expect(await running.call(service.origin)).toBe(200)
  })

  it("the token goes to the origin of the service's URL alone", async () => {
    await using provider = await start('cloudant')
    await using running = begin(provider, true)
    await using other = await startProtectedResource({ authorizationServer: iam })
    expect(await running.call(other.origin)).toBe(401)
    expect(other.received.map(({ headers }) => headers.authorization)).toEqual([undefined])
    expect(iam.tokenRequests).toBe(0)
    expect(await running.call(`${service.origin}/orders`)).toBe(200)
  })

  it('a 403 of Cloud Object Storage, which looks the same for a bucket of another account, is delivered', async () => {
    await using provider = await start('cos')
    await using running = begin(provider, true)
    service.rejectsAll = true
    expect(await running.call(service.origin)).toBe(403)
    expect(service.received).toHaveLength(1)
    service.rejectsAll = false
    expect(await running.call(service.origin)).toBe(200)
    expect(iam.tokenRequests).toBe(1)
  })
})

describe("Cloudant's SDK with McaAuthenticator", () => {
  it('needs only the configuration that it reads itself, and replaces a revoked token', async () => {
    await using _unused = await start('cloudant')
    const authenticator = new McaAuthenticator({ service: 'callee' })
    const cloudant = CloudantV1.newInstance({ serviceName: 'callee', authenticator })
    const calls = async () => [
      await cloudant.getAllDbs(),
      await cloudant.postDocument({ db: 'orders', document: { _id: 'a' } }),
    ]
    expect((await calls()).map(({ status }) => status)).toEqual([200, 200])
    iam.revokeAll()
    expect((await calls()).map(({ status }) => status)).toEqual([200, 200])
    expect(iam.tokenRequests).toBe(2)
    expect(service.received.map(({ path }) => path).slice(0, 2)).toEqual(['/v2/_all_dbs', '/v2/orders'])
  })

  it('says what is wrong with the API key, without internal details', async () => {
    await using _unused = await start('cloudant')
    const cloudant = CloudantV1.newInstance({
      serviceName: 'callee',
      authenticator: new McaAuthenticator({ service: 'callee' }),
    })
    const { apikey } = iam.account
    iam.account.rotateApikey('another')
    const error = await cloudant.getAllDbs().then(
      () => expect.fail('a token was issued'),
      (caught: Error) => caught,
    )
    expect(error.message).toMatch(/BXNIM0415E: Provided API key could not be found/)
    const shown = `${inspect(error, { depth: 20, showHidden: true })} ${JSON.stringify(error)}`
    expect(shown).not.toMatch(/of-context/)
    expect(shown).not.toContain(apikey)
    expect(service.received).toEqual([])
  })
})
