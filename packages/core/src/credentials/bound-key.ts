import type { KeyObject } from 'node:crypto'
import { type PrivateKeyInput, signingKey } from './private-key.js'

/** A key to which tokens are bound (RFC 9449), given by the user. */
export interface BoundKey {
  readonly key: KeyObject
  /** Its possible algorithms, the usual one first. A key that names its `alg` has no other. */
  readonly algorithms: readonly string[]
}

/** @throws TypeError for a key that cannot sign synchronously, or that a proof cannot name. */
export function boundKey(given: true | PrivateKeyInput): BoundKey | true {
  if (given === true) return true
  const { key, alg, algorithms } = signingKey(given)
  // WebCrypto and signers return promises; a key for PSS only has no JWK.
  if (!('asymmetricKeyType' in key) || key.asymmetricKeyType === 'rsa-pss') {
    throw new TypeError('`dpop` must be true, or a private key as PEM, JWK or KeyObject')
  }
  return { key: key as KeyObject, algorithms: alg === undefined ? algorithms : [alg] }
}
