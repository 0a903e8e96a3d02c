import { constants, createHash, createPrivateKey, createPublicKey, type KeyObject, sign, webcrypto } from 'node:crypto'
import { types } from 'node:util'
import { McaAuthError } from '../error.js'
import type { Signer, SigningKey } from './private-key.js'
import { callFunction } from './user-function.js'

/** Bytes of r and of s (RFC 7518 §3.4). */
const coordinates: { readonly [alg: string]: number | undefined } = { ES256: 32, ES384: 48, ES512: 66 }

/** A digest of the public key. `undefined` for a signer, and for a key that cannot be exported. */
export async function publicKeyDigest({ key }: SigningKey): Promise<string | undefined> {
  if ('sign' in key) return undefined
  const held = 'asymmetricKeyType' in key ? key : await exported(key as webcrypto.CryptoKey)
  if (held === undefined) return undefined
  const der = createPublicKey(held as Parameters<typeof createPublicKey>[0]).export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('base64url')
}

/** The signature of a JWS as base64url (RFC 7515 §5.1). */
export async function signJws({ key }: SigningKey, alg: string, text: string): Promise<string> {
  const data = Buffer.from(text)
  if ('sign' in key) return encode(await bySigner(key, alg, data))
  if ('asymmetricKeyType' in key) return encode(signByKeyObject(key as KeyObject, alg, data))
  return encode(new Uint8Array(await webcrypto.subtle.sign(subtleAlgorithm(alg), key as webcrypto.CryptoKey, data)))
}

async function exported(key: webcrypto.CryptoKey): Promise<KeyObject | undefined> {
  if (!key.extractable) return undefined
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key)
  return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
}

/** A signature in the format of a JWS (RFC 7518 §3), made synchronously. */
export function signByKeyObject(key: KeyObject, alg: string, data: Buffer): Buffer {
  if (/^[RP]S/.test(alg)) {
    const padding = alg.startsWith('P') ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
    return sign(`sha${alg.slice(2)}`, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
  }
  const size = coordinates[alg]
  // Converted here: on Node 24, `dsaEncoding: 'ieee-p1363'` takes more than twice as long.
  return size === undefined ? sign(null, data, key) : fromDer(sign(`sha${alg.slice(2)}`, data, key), size)
}

function subtleAlgorithm(alg: string): webcrypto.AlgorithmIdentifier | webcrypto.RsaPssParams | webcrypto.EcdsaParams {
  const bits = Number(alg.slice(2))
  if (alg.startsWith('RS')) return 'RSASSA-PKCS1-v1_5'
  if (alg.startsWith('PS')) return { name: 'RSA-PSS', saltLength: bits / 8 }
  if (alg.startsWith('ES')) return { name: 'ECDSA', hash: `SHA-${bits}` }
  return alg === 'EdDSA' ? 'Ed25519' : alg
}

async function bySigner(signer: Signer, alg: string, data: Buffer): Promise<Uint8Array> {
  const signature: unknown = await callFunction('sign', () => signer.sign(data))
  const bytes = types.isArrayBuffer(signature) ? new Uint8Array(signature) : signature
  const size = coordinates[alg]
  if (!types.isUint8Array(bytes) || bytes.length === 0) {
    throw new McaAuthError('INVALID_CREDENTIALS_SOURCE', 'the `sign` function did not return a signature as bytes')
  }
  // The format of key management services: a SEQUENCE of two INTEGERs (RFC 3279 §2.2.3).
  return size !== undefined && bytes[0] === 0x30 && bytes.length !== 2 * size ? fromDer(bytes, size) : bytes
}

function fromDer(der: Uint8Array, size: number): Buffer {
  const result = Buffer.alloc(2 * size)
  // The length of a P-521 signature takes two bytes.
  let at = der[1] === 0x81 ? 3 : 2
  for (const end of [size, 2 * size]) {
    const length = der[at + 1] ?? 0
    const integer = der.subarray(at + 2, at + 2 + length)
    // An extra byte keeps it from being negative; leading zeros are left out.
    const digits = integer.subarray(Math.max(0, integer.length - size))
    result.set(digits, end - digits.length)
    at += 2 + length
  }
  return result
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
