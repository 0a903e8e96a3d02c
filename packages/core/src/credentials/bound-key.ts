import type { KeyObject } from 'node:crypto'
import { type PrivateKeyInput, signingKey } from './private-key.js'

/** A key to which tokens are bound (RFC 9449), given by the user. */
export interface BoundKey {
  readonly key: KeyObject
  readonly alg: string
}

/** @throws TypeError for a key that cannot sign at once, or that no proof can name. */
export function boundKey(given: true | PrivateKeyInput): BoundKey | true {
  if (given === true) return true
  const { key, alg, algorithms } = signingKey(given)
  // WebCrypto and signers give promises; a key for PSS alone has no JWK.
  if (!('asymmetricKeyType' in key) || key.asymmetricKeyType === 'rsa-pss') {
    throw new TypeError('`dpop` must be true, or a private key as PEM, JWK or KeyObject')
  }
  return { key: key as KeyObject, alg: alg ?? (algorithms[0] as string) }
}
