import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
  webcrypto,
} from 'node:crypto'
import { inspect } from 'node:util'
import { createTokenProvider, type McaAuthError, type PrivateKeyJwtSettings, privateKeyJwt } from '@mca-auth/core'
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose'
import { generate } from 'selfsigned'
import { describe, expect, it } from 'vitest'
import { type Answer, recordingFetch } from '../servers/sent-token-requests.ts'

const issuer = 'https://idp.example.com/realms/x'
const tokenEndpoint = `${issuer}/protocol/openid-connect/token`
type Key = Parameters<typeof privateKeyJwt>[0]

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' })
const ed25519 = generateKeyPairSync('ed25519')
const pss = generateKeyPairSync('rsa-pss', {
  modulusLength: 2048,
  hashAlgorithm: 'sha384',
  mgf1HashAlgorithm: 'sha384',
})
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8') =>
  key.export({ type: type as 'pkcs8', format: 'pem' }).toString()

/** `undefined` before Node 24.7. */
const mlDsa = (() => {
  try {
    return generateKeyPairSync('ml-dsa-44' as 'ed25519')
  } catch {
    return undefined
  }
})()

/** The assertions that are sent with this key. */
async function assertions(key: Key, settings: PrivateKeyJwtSettings = {}, answer?: Answer, options = {}) {
  const { fetch, sent } = recordingFetch(answer)
  const clientAuth = privateKeyJwt(key, settings)
  await using provider = createTokenProvider({ fetch, tokenEndpoint, clientId: 'orders', clientAuth, ...options })
  const outcome = await provider.getToken().catch((error: McaAuthError) => error)
  return { outcome, sent, all: sent.map(({ form }) => form.client_assertion ?? '') }
}

async function verified(key: Key, publicKey: KeyObject, settings?: PrivateKeyJwtSettings) {
  const { all, outcome } = await assertions(key, settings)
  if (outcome instanceof Error) throw outcome
  const { protectedHeader, payload } = await compactVerify(all[0] ?? '', publicKey)
  return { header: protectedHeader, claims: JSON.parse(Buffer.from(payload).toString()) }
}

describe('privateKeyJwt', () => {
  it('sends the claims of RFC 7523 §3, for the token endpoint if the issuer is not known', async () => {
    const start = Math.floor(Date.now() / 1000)
    const { header, claims } = await verified(pem(p256.privateKey), p256.publicKey)
    expect(header).toEqual({ alg: 'ES256', typ: 'JWT' })
    expect(claims).toEqual({
      ...{ iss: 'orders', sub: 'orders', aud: tokenEndpoint },
      ...{ jti: expect.stringMatching(/^[\w-]{43}$/), iat: expect.any(Number), exp: claims.iat + 60 },
    })
    expect(claims.iat).toBeGreaterThanOrEqual(start)
    expect(claims.iat).toBeLessThanOrEqual(Date.now() / 1000)
  })

  it('is for the issuer, and has a type, if the issuer is known (rfc7523bis)', async () => {
    const { all } = await assertions(p256.privateKey, {}, undefined, { issuer })
    expect(decodeJwt(all[0] ?? '').aud).toBe(issuer)
    expect(decodeProtectedHeader(all[0] ?? '').typ).toBe('client-authentication+jwt')
    const chosen = { audience: 'https://else.example.com', typ: 'JWT', kid: '2026-11' }
    const { all: own } = await assertions(p256.privateKey, chosen, undefined, { issuer })
    expect(decodeJwt(own[0] ?? '').aud).toBe('https://else.example.com')
    expect(decodeProtectedHeader(own[0] ?? '')).toEqual({ alg: 'ES256', typ: 'JWT', kid: '2026-11' })
  })

  it.each<[string, KeyObject, KeyObject, string]>([
    ['P-256', p256.privateKey, p256.publicKey, 'ES256'],
    ['P-384', p384.privateKey, p384.publicKey, 'ES384'],
    ['P-521', p521.privateKey, p521.publicKey, 'ES512'],
    ['Ed25519', ed25519.privateKey, ed25519.publicKey, 'EdDSA'],
    ['RSA', rsa.privateKey, rsa.publicKey, 'RS256'],
  ])(
    'signs with a key of %s as PEM, DER, JWK, KeyObject, Buffer, and from a function',
    async (_name, key, publicKey, alg) => {
      const jwk = { ...key.export({ format: 'jwk' }), kid: 'own' }
      const der = key.export({ type: 'pkcs8', format: 'der' })
      for (const form of [key, pem(key), Buffer.from(pem(key)), der, jwk, () => key, async () => pem(key)]) {
        const { header } = await verified(form as Key, publicKey)
        expect(header.alg).toBe(alg)
        expect(header.kid).toBe(form === jwk ? 'own' : undefined)
      }
    },
  )

  it.each(['RS256', 'PS256', 'RS384', 'PS512'])('signs with RSA and %s if that is chosen', async (alg) => {
    expect((await verified(pem(rsa.privateKey, 'pkcs1'), rsa.publicKey, { alg })).header.alg).toBe(alg)
  })

  it('signs with a key that allows only RSA-PSS and one hash', async () => {
    const { all } = await assertions(pem(pss.privateKey))
    const [header = '', payload = '', signature = ''] = all[0]?.split('.') ?? []
    expect(decodeProtectedHeader(all[0] ?? '').alg).toBe('PS384')
    const data = Buffer.from(`${header}.${payload}`)
    expect(verify('sha384', data, pss.publicKey, Buffer.from(signature, 'base64url'))).toBe(true)
  })

  it.runIf(mlDsa)('signs with ML-DSA, if Node has it', async () => {
    const { privateKey, publicKey } = mlDsa as NonNullable<typeof mlDsa>
    const { all } = await assertions(pem(privateKey))
    const [header = '', payload = '', signature = ''] = all[0]?.split('.') ?? []
    expect(decodeProtectedHeader(all[0] ?? '').alg).toBe('ML-DSA-44')
    expect(verify(null, Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true)
  })

  it('accepts SEC1, and an encrypted PEM with its passphrase', async () => {
    await verified(pem(p256.privateKey, 'sec1'), p256.publicKey)
    const passphrase = 'fake-passphrase'
    const encrypted = p256.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    await verified(encrypted.toString(), p256.publicKey, { passphrase })
    for (const wrong of [{}, { passphrase: 'wrong' }]) {
      expect(() => privateKeyJwt(encrypted.toString(), wrong)).toThrow(TypeError)
    }
  })

  it.each([
    ['ES256', { name: 'ECDSA', namedCurve: 'P-256' }],
    ['ES512', { name: 'ECDSA', namedCurve: 'P-521' }],
    [
      'RS256',
      { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
    ],
    ['PS384', { name: 'RSA-PSS', hash: 'SHA-384', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }],
    ['EdDSA', { name: 'Ed25519' }],
  ])('signs %s with a CryptoKey, locked or not', async (alg, algorithm) => {
    for (const extractable of [true, false]) {
      const pair = (await webcrypto.subtle.generateKey(algorithm as never, extractable, [
        'sign',
        'verify',
      ])) as never as {
        privateKey: webcrypto.CryptoKey
        publicKey: webcrypto.CryptoKey
      }
      const { all } = await assertions(pair.privateKey)
      const { protectedHeader } = await compactVerify(all[0] ?? '', pair.publicKey as never)
      expect(protectedHeader.alg).toBe(alg)
    }
  })

  it.each([
    ['r‖s', 'ieee-p1363', p256, 'ES256', 'sha256'],
    ['DER', 'der', p256, 'ES256', 'sha256'],
    ['DER', 'der', p521, 'ES512', 'sha512'],
  ] as const)(
    'accepts the signature of a signer as %s (%s)',
    async (_name, dsaEncoding, { privateKey: key, publicKey }, alg, hash) => {
      const signer = { alg, kid: 'kms-1', sign: async (data: Uint8Array) => sign(hash, data, { key, dsaEncoding }) }
      // Integers of every length: one in 256 is shorter than the others.
      for (let i = 0; i < 300; i++) {
        const { header } = await verified(signer, publicKey)
        expect(header).toMatchObject({ alg, kid: 'kms-1' })
      }
    },
  )

  it('accepts an ArrayBuffer of a signer, as WebCrypto returns it', async () => {
    const { privateKey, publicKey } = (await webcrypto.subtle.generateKey('Ed25519', false, [
      'sign',
      'verify',
    ])) as never as {
      privateKey: webcrypto.CryptoKey
      publicKey: webcrypto.CryptoKey
    }
    const { all } = await assertions({
      alg: 'EdDSA',
      sign: (data) => webcrypto.subtle.sign('Ed25519', privateKey, data),
    })
    await compactVerify(all[0] ?? '', publicKey as never)
  })

  it.each([
    ['that fails', () => Promise.reject(new Error('fake-vault-secret')), 'TOKEN_REQUEST_FAILED'],
    ['that returns nothing', () => new Uint8Array(), 'INVALID_CREDENTIALS_SOURCE'],
    // A number was taken for as many zeros.
    ['that returns a number', () => 64 as never, 'INVALID_CREDENTIALS_SOURCE'],
    ['that returns base64', () => 'ZmFrZQ' as never, 'INVALID_CREDENTIALS_SOURCE'],
    ['that returns a response', () => ({ Signature: new Uint8Array(64) }) as never, 'INVALID_CREDENTIALS_SOURCE'],
    ['that returns a symbol', () => Symbol('fake') as never, 'INVALID_CREDENTIALS_SOURCE'],
  ])('reports a signer %s', async (_what, signature, code) => {
    const { outcome, sent } = await assertions({ alg: 'ES256', sign: signature })
    expect([(outcome as McaAuthError).code, sent]).toEqual([code, []])
    expect(inspect(outcome)).not.toContain('fake-vault-secret')
  })

  it('calls a function for the key at each token request, and again after a denial', async () => {
    const keys = [p256.privateKey, other.privateKey]
    const { all, outcome } = await assertions(
      () => keys.shift() ?? other.privateKey,
      {},
      (_request, count) =>
        count === 1
          ? Response.json({ error: 'invalid_client' }, { status: 401 })
          : Response.json({ access_token: 'a' }),
    )
    expect(outcome).toMatchObject({ accessToken: 'a' })
    await compactVerify(all[0] ?? '', p256.publicKey)
    await compactVerify(all[1] ?? '', other.publicKey)
  })

  it('does not repeat a denied request if the key is the same, in any form', async () => {
    const forms = [pem(p256.privateKey), p256.privateKey, p256.privateKey.export({ format: 'jwk' })]
    const denied: Answer = () => Response.json({ error: 'invalid_client' }, { status: 401 })
    const { all } = await assertions(() => forms.shift() ?? '', {}, denied)
    expect(all).toHaveLength(1)
  })

  it('reports a function that returns no usable key, without the key', async () => {
    const tooShort = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    for (const key of [createPublicKey(p256.privateKey), 'fake-key', tooShort, undefined]) {
      const { outcome, sent } = await assertions((() => key) as never)
      expect(outcome).toMatchObject({ code: 'INVALID_CREDENTIALS_SOURCE' })
      expect(sent).toEqual([])
      expect(inspect(outcome)).not.toContain('fake-key')
    }
  })

  it('sends the digest of a certificate, which must belong to the same key', async () => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'mca-auth.test' }], { keySize: 2048 })
    const { header } = await verified(key, createPublicKey(createPrivateKey(key)), { alg: 'PS256', certificate: cert })
    const der = Buffer.from(cert.replaceAll(/-----.*?-----|\s/g, ''), 'base64')
    expect(header).toMatchObject({ alg: 'PS256', 'x5t#S256': createHash('sha256').update(der).digest('base64url') })
    expect(() => privateKeyJwt(rsa.privateKey, { certificate: cert })).toThrow('another key')
    expect(() => privateKeyJwt(key, { certificate: 'no certificate' })).toThrow(TypeError)
  })

  it('throws at once for a value that cannot sign, and does not show it', () => {
    const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const x25519 = generateKeyPairSync('x25519').privateKey
    const k256 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey
    const jwk = p256.privateKey.export({ format: 'jwk' })
    const bad: [unknown, PrivateKeyJwtSettings?][] = [
      ...([[undefined], [null], ['fake-key'], [{}], [42], [p256.publicKey], [pem(rsa1024)], [rsa1024]] as [unknown][]),
      ...([[x25519], [k256], [{ ...jwk, alg: 'RS256' }], [{ ...jwk, d: undefined }]] as [unknown][]),
      [{ sign: () => {} }],
      [{ alg: '', sign: () => {} }],
      [p256.privateKey, { alg: 'RS256' }],
      [p256.privateKey, { kid: '' }],
      [p256.privateKey, { keyId: 'x' } as never],
    ]
    for (const [key, settings] of bad) {
      let thrown: unknown
      try {
        privateKeyJwt(key as never, settings)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(TypeError)
      expect(inspect(thrown)).not.toContain('fake-key')
    }
  })

  it('never shows a key or a passphrase', () => {
    const jwk = p256.privateKey.export({ format: 'jwk' })
    const encrypted = p256.privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'fake-pass',
    })
    for (const clientAuth of [privateKeyJwt(jwk), privateKeyJwt(encrypted.toString(), { passphrase: 'fake-pass' })]) {
      const provider = createTokenProvider({ tokenEndpoint, clientId: 'c', clientAuth })
      for (const value of [clientAuth, provider]) {
        const shown = inspect(value, { depth: 20, showHidden: true }) + JSON.stringify(value) + String(value)
        expect(shown).not.toContain(String(jwk.d))
        expect(shown).not.toContain('fake-pass')
      }
    }
  })
})
