import type { JsonWebKey, KeyObject, webcrypto } from 'node:crypto'

/** A private key: PEM (PKCS#8, PKCS#1, SEC1; encrypted with a `passphrase`), JWK, `KeyObject` or `CryptoKey`. */
export type PrivateKeyInput = string | Uint8Array | PrivateJwk | KeyObject | webcrypto.CryptoKey

/** A JWK (RFC 7517) with its private members. */
export type PrivateJwk = JsonWebKey & { readonly kid?: string; readonly alg?: string }

/** Signs elsewhere: in a key management service, a hardware module, a vault. */
export interface Signer {
  /** The JWS algorithm (RFC 7518 §3.1), e.g. `'ES256'`. */
  readonly alg: string
  /** The key's id, for the assertion's header. */
  readonly kid?: string | undefined
  /** The signature of `data`. For ECDSA as r‖s (RFC 7518 §3.4), or in DER. */
  sign(data: Uint8Array): Promise<Uint8Array | ArrayBuffer> | Uint8Array | ArrayBuffer
}

/** How an assertion is signed, and its other settings. */
export interface PrivateKeyJwtSettings {
  /** The key's id, for the header. @default the JWK's own, or none */
  readonly kid?: string | undefined
  /**
   * The JWS algorithm (RFC 7518 §3.1).
   * @default the first that the key allows and the server's metadata lists; for RSA `'RS256'`, for Ed25519 `'EdDSA'`
   */
  readonly alg?: string | undefined
  /** `aud`. @default the issuer, if it is known, else the token endpoint */
  readonly audience?: string | undefined
  /** `typ`. @default 'client-authentication+jwt' if the issuer is known, else 'JWT' */
  readonly typ?: string | undefined
  /** The certificate as PEM, whose digest goes into the header as `x5t#S256`: for Microsoft Entra ID. */
  readonly certificate?: string | Uint8Array | undefined
  /** The passphrase of an encrypted PEM. */
  readonly passphrase?: string | undefined
}

/** A key that can sign, and the algorithms that it can be used with, the most widely supported one first. */
export interface SigningKey {
  readonly key: KeyObject | webcrypto.CryptoKey | Signer
  readonly algorithms: readonly string[]
  readonly kid: string | undefined
  /** The algorithm that the key itself names. */
  readonly alg: string | undefined
}

// https://www.iana.org/assignments/jose; Ed25519 has two names (RFC 9864), and servers support the older one.
const rsa = ['RS256', 'PS256', 'RS384', 'PS384', 'RS512', 'PS512']
const pss = ['PS256', 'PS384', 'PS512']
const curves: { readonly [name: string]: string | undefined } = {
  ...{ prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' },
  ...{ 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' },
}
const ed25519 = ['EdDSA', 'Ed25519']
const leastRsaBits = 2048

/** @throws TypeError for anything that cannot sign. It never shows the key. */
export function signingKey(input: unknown, passphrase?: string): SigningKey {
  if (isSigner(input)) return { key: input, algorithms: [input.alg], kid: input.kid, alg: input.alg }
  const isText = typeof input === 'string' || input instanceof Uint8Array
  if (!isText && isCryptoKey(input))
    return { key: input, algorithms: ofCryptoKey(input), kid: undefined, alg: undefined }
  const key = keyObject(input, passphrase)
  const { kid, alg } = (isText || isKeyObject(input) ? {} : input) as PrivateJwk
  const algorithms = ofKeyObject(key)
  if (alg !== undefined && !algorithms.includes(alg))
    throw new TypeError(`this key cannot sign with its \`alg\` ${alg}`)
  return { key, algorithms, kid, alg }
}

function keyObject(input: unknown, passphrase: string | undefined): KeyObject {
  // Not loaded when the package is imported, and not resolved at run time.
  const { createPrivateKey } = process.getBuiltinModule('node:crypto')
  if (isKeyObject(input)) {
    if (input.type !== 'private') throw new TypeError(`the key must be private, this one is ${input.type}`)
    return input
  }
  try {
    if (typeof input !== 'string' && !(input instanceof Uint8Array)) {
      return createPrivateKey({ key: input as JsonWebKey, format: 'jwk' })
    }
    const text = typeof input === 'string' ? input : Buffer.from(input).toString('latin1')
    if (text.includes('-----BEGIN')) return createPrivateKey({ key: text, format: 'pem', passphrase })
    return createPrivateKey({ key: Buffer.from(input), format: 'der', type: 'pkcs8', passphrase })
  } catch (error) {
    const { code = 'unknown format' } = error as NodeJS.ErrnoException
    throw new TypeError(`the key must be a private key as PEM, JWK, KeyObject or CryptoKey, or a signer (${code})`)
  }
}

function ofKeyObject(key: KeyObject): readonly string[] {
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details = {} } = key
  if (type === 'rsa' || type === 'rsa-pss') {
    checkLength(details.modulusLength)
    const bits = /\d{3}/.exec(details.hashAlgorithm ?? '')?.[0]
    const allowed = type === 'rsa' ? rsa : pss.filter((name) => bits === undefined || name.endsWith(bits))
    if (allowed.length > 0) return allowed
  }
  const curve = curves[details.namedCurve ?? '']
  if (type === 'ec' && curve !== undefined) return [curve]
  if (type === 'ed25519') return ed25519
  // Node 24.7 and newer.
  if (/^ml-dsa-\d\d$/.test(type)) return [type.toUpperCase()]
  throw new TypeError(`a key of type ${type} ${details.namedCurve ?? ''} cannot sign an assertion`)
}

function ofCryptoKey({ type, usages, algorithm }: webcrypto.CryptoKey): readonly string[] {
  if (type !== 'private' || !usages.includes('sign')) throw new TypeError('a private CryptoKey for `sign` is needed')
  const { name, hash, modulusLength, namedCurve } = algorithm as webcrypto.RsaHashedKeyAlgorithm &
    webcrypto.EcKeyAlgorithm
  if (name === 'RSASSA-PKCS1-v1_5' || name === 'RSA-PSS') {
    checkLength(modulusLength)
    return [`${name === 'RSA-PSS' ? 'PS' : 'RS'}${(hash.name ?? String(hash)).slice(-3)}`]
  }
  const curve = curves[namedCurve ?? '']
  if (name === 'ECDSA' && curve !== undefined) return [curve]
  if (name === 'Ed25519') return ed25519
  if (/^ML-DSA-\d\d$/.test(name)) return [name]
  throw new TypeError(`a CryptoKey for ${name} cannot sign an assertion`)
}

/** RFC 7518 §3.3. */
function checkLength(bits = 0): void {
  if (bits < leastRsaBits) throw new TypeError(`an RSA key of ${bits} bits is too short: ${leastRsaBits} are required`)
}

function isSigner(value: unknown): value is Signer {
  const { sign, alg, kid } = (value ?? {}) as Partial<Signer>
  if (typeof sign !== 'function') return false
  const isNamed = typeof alg === 'string' && alg !== '' && ['string', 'undefined'].includes(typeof kid)
  if (!isNamed) throw new TypeError('a signer needs `alg`, the JWS algorithm, and `sign(data)`; its `kid` is a string')
  return true
}

function isKeyObject(value: unknown): value is KeyObject {
  return (
    typeof (value as KeyObject | null)?.asymmetricKeyType === 'string' ||
    (value instanceof Object && 'symmetricKeySize' in value)
  )
}

/** Whether it is a CryptoKey of any realm, or of a WebCrypto that is not Node's. */
function isCryptoKey(value: unknown): value is webcrypto.CryptoKey {
  const { algorithm, usages, type } = (value ?? {}) as Partial<webcrypto.CryptoKey>
  return typeof algorithm?.name === 'string' && Array.isArray(usages) && typeof type === 'string'
}
