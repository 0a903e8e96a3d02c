import type { KeyObject } from 'node:crypto'
import { type PrivateKeyInput, signingKey } from './private-key.js'

/** A key to which tokens are bound (RFC 9449), given by the user. */
export interface BoundKey {
  readonly key: KeyObject
  /** What it may sign with, the usual one first. One that names its `alg` signs with nothing else. */
  readonly algorithms: readonly string[]
}

/** @throws TypeError for a key that cannot sign at once, or that no proof can name. */
export function boundKey(given: true | PrivateKeyInput): BoundKey | true {
  if (given === true) return true
  const { key, alg, algorithms } = signingKey(given)
  // WebCrypto and signers give promises; a key for PSS alone has no JWK.
  if (!('asymmetricKeyType' in key) || key.asymmetricKeyType === 'rsa-pss') {
    throw new TypeError('`dpop` must be true, or a private key as PEM, JWK or KeyObject')
  }
  return { key: key as KeyObject, algorithms: alg === undefined ? algorithms : [alg] }
}
