import type { webcrypto } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'

export interface SigningKey {
  readonly privateKey: webcrypto.CryptoKey
  readonly publicKey: webcrypto.CryptoKey
  /** The public key as a JWK (RFC 7517). */
  readonly jwk: Readonly<Record<string, unknown>>
}

let made: Promise<SigningKey> | undefined

/** One RS256 key for all servers of the process, since generating one takes a tenth of a second. */
export function signingKey(): Promise<SigningKey> {
  made ??= make()
  return made
}

async function make(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  return { privateKey, publicKey, jwk: await exportJWK(publicKey) }
}
