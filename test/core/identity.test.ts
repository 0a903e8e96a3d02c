import { getAuthorizationHeader, type McaAuthOptions } from '@mca-auth/core'
import { memoryTokenCache, startAuthorizationServer } from '@mca-auth/testing'
import * as fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { canonical } from '../../packages/core/src/credentials/identity.ts'

/** The size that the first call gives applies to all: large enough that nothing here is evicted. */
const cacheSize = 10_000

beforeAll(async () => {
  const fetch = async () => Response.json({ access_token: 'opaque' })
  await getAuthorizationHeader({ cacheSize, tokenEndpoint: 'https://x/', clientId: 'c', secret: 'fake-secret', fetch })
})

it('getAuthorizationHeader never mistakes a string for a function, whatever its text', async () => {
  await using server = await startAuthorizationServer()
  const secret = () => server.secret
  await getAuthorizationHeader({ ...server.appId, secret })
  for (let i = 0; i < 40; i++) {
    for (const text of [`object ${i}`, `#${i}`, `function ${i}`, String(secret), `{"secret":#${i}}`]) {
      await expect(getAuthorizationHeader({ ...server.appId, secret: text })).rejects.toMatchObject({ status: 401 })
    }
  }
})

it('getAuthorizationHeader distinguishes values whose text is the same', async () => {
  const seen = new Map<string, McaAuthOptions>()
  const tokenEndpoint = 'https://idp.example.com/token'
  let count = 0
  const fetch = async () => Response.json({ access_token: `token-${++count}` })
  const base = { tokenEndpoint, clientId: 'c', secret: 'fake-secret', fetch }
  const others: McaAuthOptions[] = [
    { scope: 'a b' },
    { scope: ['a', 'b'] },
    { scope: 'a,b' },
    { scope: '["a","b"]' },
    { scope: 'a', parameters: { b: 'c' } },
    { parameters: { scopes: 'a', b: 'c' } },
    { parameters: { 'a:b': 'c' } },
    { parameters: { a: 'b:c' } },
    { clientId: 'c","secret":"fake-secret' },
    { clientAuth: () => {} },
    { clientAuth: () => {} },
    { timeoutMs: 1_000 },
    { timeoutMs: 10_000 },
    { tokenRequest: () => false },
    { fetch: async () => fetch() },
    { sharedCache: memoryTokenCache() },
    { sharedCache: memoryTokenCache() },
    { identity: 'a' },
  ]
  for (const options of [{}, ...others]) {
    const header = await getAuthorizationHeader({ ...base, ...options })
    expect(seen.get(header), JSON.stringify(options)).toBeUndefined()
    seen.set(header, options)
  }
  // A different environment may name another client, unless the options leave nothing to it.
  const known = await getAuthorizationHeader(base)
  const incomplete = { secret: 'fake-secret', fetch }
  const binding = (oauthServerUrl: string) => JSON.stringify({ clientId: 'c', oauthServerUrl })
  const environments = [
    { BINDING: binding('https://one.example.com/oauth/v4/t') },
    { BINDING: binding('https://two.example.com/oauth/v4/t') },
    { BINDING: binding('https://one.example.com/oauth/v4/t'), VCAP_APPLICATION: '{"application_id":"guid"}' },
    { APPID_CLIENT_ID: 'c', APPID_OAUTH_SERVER_URL: 'https://one.example.com/oauth/v4/t' },
    { clientId: 'c', oauthServerUrl: 'https://one.example.com/oauth/v4/t' },
  ]
  for (const environment of environments) {
    Object.assign(process.env, environment)
    try {
      const header = await getAuthorizationHeader(incomplete)
      expect(seen.has(header), JSON.stringify(environment)).toBe(false)
      seen.set(header, incomplete)
      expect(await getAuthorizationHeader(incomplete)).toBe(header)
      expect(await getAuthorizationHeader(base)).toBe(known)
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name]
    }
  }
})

it('only equal values have the same text', () => {
  const functions = [() => {}, () => {}, memoryTokenCache(), memoryTokenCache(), new URL('https://x/'), new Map()]
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.oneof(fc.string(), fc.constantFrom('#1', '#2', '{}', '[]', '"', 'true', '1', ...functions)),
      fc.oneof(fc.boolean(), fc.integer(), fc.constant(null)),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'a:b', '"a"'), tie('any'), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).any
  fc.assert(
    fc.property(value, value, (one, other) => {
      expect(canonical(one) === canonical(other)).toBe(isEqual(one, other))
      expect(canonical(structure(one))).toBe(canonical(one))
    }),
    { numRuns: 3_000 },
  )
})

/** By content, but functions and objects with methods by identity. */
function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((entry, i) => isEqual(entry, other[i]))
  }
  if (!isData(one) || !isData(other)) return false
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => name in other && isEqual(one[name], other[name]))
  )
}

function isData(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const isObject = Object.getPrototypeOf(value) === Object.prototype
  return isObject && !Object.values(value).some((field) => typeof field === 'function')
}

/** A copy with its fields in another order, and with an undefined field. */
function structure(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structure)
  if (!isData(value)) return value
  const entries = Object.entries(value).map(([name, field]) => [name, structure(field)])
  return { ...Object.fromEntries(entries.reverse()), none: undefined }
}
