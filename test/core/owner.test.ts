// Whose token is it? A wrong key of a shared cache, or of getAuthorizationHeader(), is somebody else's token.
import { generateKeyPairSync, webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  clientAssertion,
  createTokenProvider,
  type Grant,
  getAuthorizationHeader,
  ibmIam,
  ibmVpc,
  jwtBearer,
  type McaAuthOptions,
  privateKeyJwt,
  type SharedTokenCache,
  type TokenExchangeSettings,
  tokenExchange,
} from '@mca-auth/core'
import { memoryTokenCache } from '@mca-auth/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordingFetch, unsignedJwt } from '../servers/sent-token-requests.ts'

const encryptionKeys = ['a fake key of a fleet, of 32 bytes at least']
const tokenEndpoint = 'https://idp.example.com/token'
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const jwtOf = (sub: string, iat: number, iss = 'https://cluster.example.com') => unsignedJwt({ iss, sub, iat })
const forged = (jwt: string) => jwt.replace(/[^.]+$/, 'Zm9yZ2Vk')
let directory: string
const file = (name: string, text: string) => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mca-auth-owner-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

/** A different token for each request. */
let count = 0
const { fetch } = recordingFetch(() => Response.json({ access_token: `token-${++count}`, expires_in: 3600 }))

async function tokenOf(options: McaAuthOptions, sharedCache: SharedTokenCache): Promise<string> {
  const server = options.source || 'tokenEndpoint' in options ? {} : { tokenEndpoint }
  await using provider = createTokenProvider({ fetch, ...server, ...options, sharedCache })
  return (await provider.getToken()).accessToken
}

/** Whether one process gets the token of another one. */
async function shares(one: McaAuthOptions, other: McaAuthOptions): Promise<boolean> {
  const { sharedCache, settled } = fleetCache()
  const first = await tokenOf(one, sharedCache)
  await settled()
  return (await tokenOf(other, sharedCache)) === first
}

/** A cache that reports when nothing is on its way to it: the lease on a key is released once the token is stored. */
function fleetCache(keys: { encryptionKeys?: string[] } = { encryptionKeys }) {
  const cache = memoryTokenCache(keys)
  const leases = new Set<string>()
  const sharedCache: SharedTokenCache = {
    ...cache,
    lease: async (key, ...rest) => {
      leases.add(key)
      return cache.lease(key, ...rest)
    },
    release: async (key, ...rest) => {
      leases.delete(key)
      return cache.release(key, ...rest)
    },
  }
  return { sharedCache, settled: () => expect.poll(() => leases.size).toBe(0) }
}

const noServer = { tokenEndpoint: undefined }
const iam = (grant: Grant): McaAuthOptions => ({ ...noServer, grant })
const exchange = (subjectToken: TokenExchangeSettings['subjectToken'], more = {}): McaAuthOptions => ({
  grant: tokenExchange({ subjectToken, ...more }),
})
const byKey = (clientAuth: McaAuthOptions['clientAuth'], clientId = 'c'): McaAuthOptions => ({ clientId, clientAuth })
const profile = { id: 'Profile-fake' }

describe('a token is shared by processes that are the same to the server', () => {
  it.each<[string, () => McaAuthOptions, () => McaAuthOptions]>([
    ['one API key', () => iam(ibmIam({ apikey: 'fake' })), () => iam(ibmIam({ apikey: 'fake' }))],
    [
      'one API key, once from a function',
      () => iam(ibmIam({ apikey: 'fake' })),
      () => iam(ibmIam({ apikey: () => 'fake' })),
    ],
    [
      'one profile and a token of the compute resource that was renewed',
      () => iam(ibmIam({ trustedProfile: profile, tokenFile: file('a', jwtOf('pod', 1)) })),
      () => iam(ibmIam({ trustedProfile: profile, tokenFile: file('b', jwtOf('pod', 2)) })),
    ],
    [
      'one subject, whose token was renewed',
      () => exchange(async () => jwtOf('s', 1)),
      () => exchange({ file: file('s', jwtOf('s', 2)) }),
    ],
    ['one subject token that was given as text', () => exchange(jwtOf('s', 1)), () => exchange(jwtOf('s', 1))],
    ['one opaque subject token', () => exchange('fake-opaque'), () => exchange('fake-opaque')],
    [
      'one assertion, that was renewed',
      () => ({ grant: jwtBearer({ assertion: { file: file('h', jwtOf('s', 1)) } }) }),
      () => ({ grant: jwtBearer({ assertion: async () => jwtOf('s', 2) }) }),
    ],
    [
      'one client assertion, that was renewed',
      () => byKey(clientAssertion(() => jwtOf('s', 1))),
      () => byKey(clientAssertion({ file: file('c', jwtOf('s', 2)) })),
    ],
    [
      'one key, in two forms',
      () => byKey(privateKeyJwt(key)),
      () => byKey(privateKeyJwt(async () => key.export({ type: 'pkcs8', format: 'pem' }).toString())),
    ],
    [
      'one type of assertion, in two spellings',
      () => byKey(clientAssertion('fake')),
      () => byKey(clientAssertion('fake', { type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' })),
    ],
    ['one public client', () => byKey('none'), () => byKey('none')],
    [
      'one identity that was given to functions',
      () => ({ grant: () => {}, identity: 'orders' }),
      () => ({ grant: () => {}, identity: 'orders' }),
    ],
    [
      'one identity that was given to a source',
      () => ({ source: async () => ({ access_token: `t-${++count}`, expires_in: 600 }), identity: 'orders' }),
      () => ({ source: async () => ({ access_token: `t-${++count}`, expires_in: 600 }), identity: 'orders' }),
    ],
    [
      'one identity that was given to instances',
      () => ({ ...iam(ibmVpc({ trustedProfile: profile })), identity: 'orders' }),
      () => ({ ...iam(ibmVpc({ trustedProfile: profile })), identity: 'orders' }),
    ],
  ])('%s', async (_what, one, other) => {
    expect(await shares(one(), other())).toBe(true)
  })
})

const sameFunction: Grant = () => {}
const sameSource = async () => ({ access_token: `t-${++count}`, expires_in: 600 })
const signer = { alg: 'ES256', sign: () => new Uint8Array(64).fill(1) }

describe('a token is not shared by processes that differ in', () => {
  it.each<[string, () => McaAuthOptions, () => McaAuthOptions]>([
    ['the API key', () => iam(ibmIam({ apikey: 'fake-1' })), () => iam(ibmIam({ apikey: 'fake-2' }))],
    [
      'the API key that a function gives now',
      () => iam(ibmIam({ apikey: () => 'fake-1' })),
      () => iam(ibmIam({ apikey: () => 'fake-2' })),
    ],
    [
      'the IAM server',
      () => iam(ibmIam({ apikey: 'fake' })),
      () => iam(ibmIam({ apikey: 'fake', url: 'https://iam.test.cloud.ibm.com' })),
    ],
    [
      'the client that goes with the API key',
      () => ({ ...iam(ibmIam({ apikey: 'fake' })), clientId: 'a', secret: 'fake' }),
      () => ({ ...iam(ibmIam({ apikey: 'fake' })), clientId: 'b', secret: 'fake' }),
    ],
    [
      'the profile',
      () => iam(ibmIam({ trustedProfile: { id: 'a' }, tokenFile: file('d', jwtOf('pod', 1)) })),
      () => iam(ibmIam({ trustedProfile: { id: 'b' }, tokenFile: file('e', jwtOf('pod', 1)) })),
    ],
    [
      'how the profile is named',
      () => iam(ibmIam({ trustedProfile: { id: 'a' }, tokenFile: file('d', jwtOf('pod', 1)) })),
      () => iam(ibmIam({ trustedProfile: { name: 'a' }, tokenFile: file('e', jwtOf('pod', 1)) })),
    ],
    [
      'the compute resource',
      () => iam(ibmIam({ trustedProfile: profile, tokenFile: file('f', jwtOf('pod-1', 1)) })),
      () => iam(ibmIam({ trustedProfile: profile, tokenFile: file('g', jwtOf('pod-2', 1)) })),
    ],
    // Its signature was ignored: a subject token with forged claims got the token of the real subject.
    [
      'the signature of a subject token that was given as text',
      () => exchange(jwtOf('alice', 1)),
      () => exchange(forged(jwtOf('alice', 1))),
    ],
    [
      'the signature of an actor token',
      () => exchange('fake', { actorToken: jwtOf('alice', 1) }),
      () => exchange('fake', { actorToken: forged(jwtOf('alice', 1)) }),
    ],
    [
      'the signature of an assertion',
      () => ({ grant: jwtBearer({ assertion: jwtOf('alice', 1) }) }),
      () => ({ grant: jwtBearer({ assertion: forged(jwtOf('alice', 1)) }) }),
    ],
    [
      'the signature of a client assertion',
      () => byKey(clientAssertion(jwtOf('alice', 1))),
      () => byKey(clientAssertion(forged(jwtOf('alice', 1)))),
    ],
    ['the subject', () => exchange(() => jwtOf('alice', 1)), () => exchange(() => jwtOf('bob', 1))],
    [
      "the subject's issuer",
      () => exchange(() => jwtOf('s', 1, 'https://a')),
      () => exchange(() => jwtOf('s', 1, 'https://b')),
    ],
    ['the opaque subject token', () => exchange('fake-1'), () => exchange('fake-2')],
    [
      'a JWT without a subject',
      () => exchange(() => unsignedJwt({ iss: 'a', n: 1 })),
      () => exchange(() => unsignedJwt({ iss: 'a', n: 2 })),
    ],
    ['a JWT with an empty one', () => exchange(() => jwtOf('', 1)), () => exchange(() => jwtOf('', 2))],
    [
      'the boundary between issuer and subject',
      () => exchange(() => jwtOf('b","c', 1, 'a')),
      () => exchange(() => jwtOf('c', 1, 'a","b')),
    ],
    ['the type of the subject token', () => exchange('fake'), () => exchange('fake', { subjectTokenType: 'jwt' })],
    ['the actor', () => exchange('fake', { actorToken: 'fake-1' }), () => exchange('fake', { actorToken: 'fake-2' })],
    ['whether there is an actor', () => exchange('fake'), () => exchange('fake', { actorToken: 'fake' })],
    ['the grant', () => exchange('fake'), () => ({ grant: jwtBearer({ assertion: 'fake' }) })],
    [
      'a field of the grant',
      () => ({ grant: jwtBearer({ assertion: 'fake', x: '1' }) }),
      () => ({ grant: jwtBearer({ assertion: 'fake', x: '2' }) }),
    ],
    ['the key', () => byKey(privateKeyJwt(key)), () => byKey(privateKeyJwt(otherKey))],
    [
      'the key that a function gives now',
      () => byKey(privateKeyJwt(() => key)),
      () => byKey(privateKeyJwt(() => otherKey)),
    ],
    ['the client of one key', () => byKey(privateKeyJwt(key), 'a'), () => byKey(privateKeyJwt(key), 'b')],
    ['the public client', () => byKey('none', 'a'), () => byKey('none', 'b')],
    ['how the client authenticates', () => byKey('none'), () => ({ clientId: 'c', secret: 'fake' })],
    [
      'the secret, with one identity for a function',
      () => ({ ...byKey(() => {}), secret: 'fake-1', identity: 'x' }),
      () => ({ ...byKey(() => {}), secret: 'fake-2', identity: 'x' }),
    ],
    [
      'the profile, with one identity',
      () => ({ ...iam(ibmVpc({ trustedProfile: { id: 'a' } })), identity: 'x' }),
      () => ({ ...iam(ibmVpc({ trustedProfile: { id: 'b' } })), identity: 'x' }),
    ],
    ['the identity', () => ({ grant: sameFunction, identity: 'a' }), () => ({ grant: sameFunction, identity: 'b' })],
    [
      'nothing that another process could compare: a grant',
      () => ({ grant: sameFunction }),
      () => ({ grant: sameFunction }),
    ],
    ['nothing …: a source', () => ({ source: sameSource }), () => ({ source: sameSource })],
    ['nothing …: an instance', () => iam(ibmVpc()), () => iam(ibmVpc())],
    ['nothing …: a signer', () => byKey(privateKeyJwt(signer)), () => byKey(privateKeyJwt(signer))],
    [
      'nothing …: a function that signs',
      () => byKey(privateKeyJwt(() => signer)),
      () => byKey(privateKeyJwt(() => signer)),
    ],
  ])('%s', async (what, one, other) => {
    expect(await shares(one(), other())).toBe(false)
    // Each is shared with itself, so the difference is what counts.
    for (const same of [one, other]) expect(await shares(same(), same())).toBe(!what.startsWith('nothing'))
  })

  it('nothing …: a key that is locked', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
    const { privateKey } = await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
    expect(await shares(byKey(privateKeyJwt(privateKey)), byKey(privateKeyJwt(privateKey)))).toBe(false)
    const named = { ...byKey(privateKeyJwt(privateKey)), identity: 'x' }
    expect(await shares(named, named)).toBe(true)
  })
})

describe('a fleet', () => {
  it('does not get the token of the old API key after a rotation', async () => {
    const { sharedCache, settled } = fleetCache()
    let apikey = 'fake-old'
    const options = { fetch, grant: ibmIam({ apikey: () => apikey }), sharedCache }
    await using one = createTokenProvider(options)
    const old = await one.getToken()
    await settled()
    apikey = 'fake-new'
    await using two = createTokenProvider(options)
    expect((await two.getToken()).accessToken).not.toBe(old.accessToken)
  })

  it('does not store a token if its material differs from the material of the lookup', async () => {
    const { sharedCache, settled } = fleetCache()
    const keys = ['fake-old', 'fake-new']
    const denying = recordingFetch(({ form }) =>
      form.apikey === 'fake-old'
        ? Response.json({ errorCode: 'BXNIM0415E' }, { status: 400 })
        : Response.json({ access_token: 'of-the-new-key', expires_in: 3600 }),
    )
    const rotating = { fetch: denying.fetch, grant: ibmIam({ apikey: () => keys.shift() ?? 'fake-new' }), sharedCache }
    await using one = createTokenProvider(rotating)
    expect((await one.getToken()).accessToken).toBe('of-the-new-key')
    await settled()
    // A process that still has the old key must not get a token of the new one.
    await using two = createTokenProvider({ fetch, grant: ibmIam({ apikey: 'fake-old' }), sharedCache })
    expect((await two.getToken()).accessToken).not.toBe('of-the-new-key')
  })

  it('derives the keys of its cache from an API key if there is no other material', async () => {
    const { sharedCache, settled } = fleetCache({})
    const options = { ...iam(ibmIam({ apikey: 'fake-apikey' })), fetch }
    const first = await tokenOf(options, sharedCache)
    await settled()
    expect(await tokenOf(options, sharedCache)).toBe(first)
    const grant = ibmIam({ apikey: () => 'fake' })
    expect(() => createTokenProvider({ grant, sharedCache })).toThrow('`sharedCache` needs `encryptionKeys`')
  })
})

describe('getAuthorizationHeader', () => {
  const apikey = () => 'fake'
  const subject = async () => 'fake'
  const makers: [string, () => McaAuthOptions][] = [
    ['an API key', () => ({ grant: ibmIam({ apikey: 'fake-1' }) })],
    ['another', () => ({ grant: ibmIam({ apikey: 'fake-2' }) })],
    ['one of a function', () => ({ grant: ibmIam({ apikey }) })],
    ['another server', () => ({ grant: ibmIam({ apikey: 'fake-1', url: 'https://iam.example.com' }) })],
    ['a subject token', () => ({ tokenEndpoint, grant: tokenExchange({ subjectToken: 'fake' }) })],
    [
      'one of another type',
      () => ({ tokenEndpoint, grant: tokenExchange({ subjectToken: 'fake', subjectTokenType: 'jwt' }) }),
    ],
    ['one of a function', () => ({ tokenEndpoint, grant: tokenExchange({ subjectToken: subject }) })],
    ['an assertion', () => ({ tokenEndpoint, grant: jwtBearer({ assertion: 'fake' }) })],
    ['a key', () => ({ tokenEndpoint, clientId: 'c', clientAuth: privateKeyJwt(key) })],
    ['another', () => ({ tokenEndpoint, clientId: 'c', clientAuth: privateKeyJwt(otherKey) })],
    ['an id in the header', () => ({ tokenEndpoint, clientId: 'c', clientAuth: privateKeyJwt(key, { kid: 'a' }) })],
    ['a client assertion', () => ({ tokenEndpoint, clientId: 'c', clientAuth: clientAssertion('fake') })],
    [
      'one of another type',
      () => ({ tokenEndpoint, clientId: 'c', clientAuth: clientAssertion('fake', { type: 'x' }) }),
    ],
    ['an instance', () => ({ grant: ibmVpc() })],
    ['an instance with a profile', () => ({ grant: ibmVpc({ trustedProfile: profile }) })],
  ]

  it('requests one token for calls with equal settings, and another one for each that differs', async () => {
    const headers = await Promise.all(makers.map(([, make]) => getAuthorizationHeader({ fetch, ...make() })))
    expect(new Set(headers).size).toBe(makers.length)
    for (const [i, [what, make]] of makers.entries()) {
      expect(await getAuthorizationHeader({ fetch, ...make() }), what).toBe(headers[i])
    }
  })

  it('does not confuse a key with the one that the caller has since changed it to', async () => {
    const jwk = key.export({ format: 'jwk' })
    const options = { fetch, tokenEndpoint, clientId: 'changed' }
    const [one, other] = [{ ...jwk }, otherKey.export({ format: 'jwk' })]
    const clientAuth = privateKeyJwt(one)
    const first = await getAuthorizationHeader({ ...options, clientAuth })
    const second = await getAuthorizationHeader({ ...options, clientAuth: privateKeyJwt(other) })
    Object.assign(one, other)
    expect(await getAuthorizationHeader({ ...options, clientAuth })).toBe(first)
    expect(second).not.toBe(first)
  })
})
