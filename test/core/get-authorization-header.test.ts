import {
  getAuthorizationHeader,
  getAuthorizationHeaderBySecret,
  getAuthorizationHeaderFromIncomingRequest,
} from '@mca-auth/core'
import { startAuthorizationServer } from '@mca-auth/testing'
import { expect, it, vi } from 'vitest'

it("getAuthorizationHeader works as IBM's page says, and caches for all callers with the same credentials", async () => {
  await using server = await startAuthorizationServer({ expiresInAs: 'string' })
  await using other = await startAuthorizationServer()
  const header = await getAuthorizationHeader({ cacheSize: 2, ...server.mca })
  expect(header).toMatch(/^Bearer ey/)
  expect(await getAuthorizationHeader({ ...server.mca, cacheSize: 50 })).toBe(header)
  expect(await getAuthorizationHeaderBySecret(server.mca)).toBe(header)
  expect(server.tokenRequests).toBe(1)

  const headers = await Promise.all([getAuthorizationHeader(other.appId), getAuthorizationHeader(other.appId)])
  expect(headers[0]).toBe(headers[1])
  expect(headers[0]).not.toBe(header)
  expect(other.tokenRequests).toBe(1)
  await expect(getAuthorizationHeader({ ...other.appId, secret: 'wrong-fake' })).rejects.toMatchObject({ status: 401 })

  // One cache of the first call's size serves them all: the first has been evicted.
  expect(await getAuthorizationHeader(server.mca)).not.toBe(header)
  expect(server.tokenRequests).toBe(2)
})

it('getAuthorizationHeader rejects if something is missing, and never throws', async () => {
  const promise = getAuthorizationHeader({ clientId: 'c' })
  await expect(promise).rejects.toMatchObject({ code: 'MISSING_SECRET_ERROR' })
  await expect(getAuthorizationHeader(null as never)).rejects.toThrow(TypeError)
})

it('getAuthorizationHeader distinguishes functions by identity', async () => {
  await using server = await startAuthorizationServer()
  const secret = () => server.secret
  const options = { ...server.appId, secret }
  expect(await getAuthorizationHeader(options)).toBe(await getAuthorizationHeader({ ...options }))
  await getAuthorizationHeader({ ...options, secret: () => server.secret })
  expect(server.tokenRequests).toBe(2)
})

it('getAuthorizationHeader recognises equal options, in any order and with defaults left out', async () => {
  await using server = await startAuthorizationServer()
  const { clientId, secret, oauthServerUrl } = server.appId
  const header = await getAuthorizationHeader({ clientId, secret, oauthServerUrl })
  expect(await getAuthorizationHeader({ oauthServerUrl, secret, clientId, scope: undefined })).toBe(header)
  expect(await getAuthorizationHeader({ oauthServerUrl, secret, clientId, scope: 'x' })).not.toBe(header)
  expect(server.tokenRequests).toBe(2)
})

it('getAuthorizationHeaderFromIncomingRequest returns the header unchanged, or undefined', () => {
  const get = getAuthorizationHeaderFromIncomingRequest
  expect(get({ headers: { authorization: 'Bearer access id' } })).toBe('Bearer access id')
  for (const request of [{ headers: {} }, {}, undefined, null]) expect(get(request)).toBeUndefined()
})

it('getAuthorizationHeader reads the platform sources that it needs, and notices when any of them changes', async () => {
  const requested: string[] = []
  const fetch = async (url: string | URL | Request) => {
    requested.push(new URL(String(url)).hostname)
    return Response.json({ access_token: `token-${requested.length}`, expires_in: 3600 })
  }
  const credential = (host: string) => ({ clientId: 'c', secret: 's', oauthServerUrl: `https://${host}/oauth/v4/t` })
  const bound = (host: string) => JSON.stringify({ AppID: [{ credentials: credential(host) }] })
  const variables = ['VCAP_SERVICES', 'CE_SERVICES', 'BINDING'] as const
  const states: [(typeof variables)[number], string | undefined, expected: string][] = [
    ['BINDING', JSON.stringify(credential('json')), 'json'],
    ['CE_SERVICES', bound('ce'), 'ce'],
    ['BINDING', JSON.stringify(credential('json-2')), 'ce'],
    ['VCAP_SERVICES', bound('vcap'), 'vcap'],
    ['CE_SERVICES', bound('ce-2'), 'vcap'],
    ['VCAP_SERVICES', bound('vcap-2'), 'vcap-2'],
    ['VCAP_SERVICES', bound('vcap'), 'vcap'],
    ['VCAP_SERVICES', undefined, 'ce-2'],
    ['CE_SERVICES', undefined, 'json-2'],
  ]
  try {
    for (const [name, value, expected] of states) {
      vi.stubEnv(name, value)
      const header = await getAuthorizationHeader({ fetch })
      expect(requested[Number(header.replace('Bearer token-', '')) - 1]).toBe(expected)
      expect(await getAuthorizationHeader({ fetch })).toBe(header)
    }
  } finally {
    vi.unstubAllEnvs()
  }
})
