import { type Checks, checkFields, nonEmptyString, record } from '../validate.js'
import type { ClientAuth } from './client-authentication.js'
import type { CredentialPart, Reading } from './credential-part.js'
import { asFunction } from './grant.js'
import { canonical } from './identity.js'
import {
  type PrivateKeyInput,
  type PrivateKeyJwtSettings,
  type Signer,
  type SigningKey,
  signingKey,
} from './private-key.js'
import { unusable } from './text-source.js'
import { callFunction } from './user-function.js'

type Key = PrivateKeyInput | Signer

const bytesOrText = (name: string, value: unknown) => value instanceof Uint8Array || nonEmptyString(name, value)
const checks: Checks<PrivateKeyJwtSettings> = {
  kid: nonEmptyString,
  alg: nonEmptyString,
  audience: nonEmptyString,
  typ: nonEmptyString,
  certificate: bytesOrText,
  passphrase: nonEmptyString,
}

/**
 * For `clientAuth`: authenticates by an assertion that the client signs with its own key (`private_key_jwt`, RFC 7523 §2.2),
 * a new one for each token request, valid for 60 s.
 *
 * @param key - PEM, JWK, `KeyObject` or `CryptoKey`; a signer `{ alg, kid, sign }` for a key that is kept elsewhere; or a
 *   function that returns one of these, for a key that is rotated. It is called for each token request, and again
 *   after a denial.
 * @throws TypeError for a key that cannot sign, and for bad settings.
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { createTokenProvider, privateKeyJwt } from '@mca-auth/core'
 *
 * createTokenProvider({
 *   issuer: 'https://login.example.com/realms/shop',
 *   clientId: 'orders',
 *   clientAuth: privateKeyJwt(readFileSync('client.key'), { kid: '2026-11' }),
 * })
 * ```
 */
export function privateKeyJwt(key: Key | (() => Key | Promise<Key>), given: PrivateKeyJwtSettings = {}): ClientAuth {
  record('the settings of `privateKeyJwt`', given)
  checkFields<PrivateKeyJwtSettings>('setting of `privateKeyJwt`', given, checks)
  const settings = { ...given }
  const { kid, alg, audience, typ, certificate, passphrase } = settings
  const fixed = typeof key === 'function' ? undefined : checkedKey(key, settings)
  const own = typeof key === 'function' ? key : comparable(key)
  const header = [kid, alg, audience, typ, certificate && String(certificate)]
  return asFunction('clientAuth', {
    name: 'private_key_jwt',
    settings: ['private-key-jwt', own, ...header, passphrase],
    sharedSettings: ['private-key-jwt', ...header],
    isShareable: fixed === undefined || !('sign' in fixed.key),
    canChange: typeof key === 'function',
    read: () => (typeof key === 'function' ? currentKey(key, settings) : reading(fixed as SigningKey, settings)),
  } satisfies CredentialPart)
}

async function currentKey(read: () => Key | Promise<Key>, settings: PrivateKeyJwtSettings): Promise<Reading> {
  const key = await callFunction('key', read)
  try {
    return await reading(checkedKey(key, settings), settings)
  } catch (error) {
    throw error instanceof TypeError
      ? unusable(`the \`key\` function did not return a usable key: ${error.message}`)
      : error
  }
}

async function reading(key: SigningKey, settings: PrivateKeyJwtSettings): Promise<Reading> {
  // Signing is loaded by the first token request.
  const { addPrivateKeyAssertion, publicKeyDigest } = await import('./signed-assertions.js')
  const digest = await publicKeyDigest(key)
  return {
    text: digest ?? canonical(key.key),
    owner: digest ?? '',
    isShareable: digest !== undefined,
    secrets: [],
    write: (draft) => addPrivateKeyAssertion(key, settings, draft),
  }
}

/** @throws TypeError if the key cannot sign, or not with these settings. */
function checkedKey(input: unknown, { alg, certificate, passphrase }: PrivateKeyJwtSettings): SigningKey {
  const key = signingKey(input, passphrase)
  if (alg !== undefined && !key.algorithms.includes(alg)) {
    throw new TypeError(`this key cannot sign with ${alg}, only with ${key.algorithms.join(', ')}`)
  }
  if (certificate !== undefined) checkCertificate(certificate, key)
  return key
}

/** @throws TypeError if the certificate cannot be read, or belongs to another key. */
function checkCertificate(certificate: string | Uint8Array, { key }: SigningKey): void {
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  let matches: boolean
  try {
    const read = new X509Certificate(certificate)
    matches = !('asymmetricKeyType' in key) || read.checkPrivateKey(key)
  } catch {
    throw new TypeError('`certificate` must be a certificate as PEM')
  }
  if (!matches) throw new TypeError('`certificate` belongs to another key')
}

/** A copy that is equal for equal keys, unaffected by later changes to the caller's object. */
function comparable(key: Key): unknown {
  if (key instanceof Uint8Array) return Buffer.from(key).toString('latin1')
  const isJwk = typeof key === 'object' && 'kty' in key
  return isJwk ? { ...key } : key
}
