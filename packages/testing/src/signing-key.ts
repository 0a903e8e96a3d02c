import { exportJWK, generateKeyPair, type JWK } from 'jose'

export interface SigningKey {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly jwk: JWK
}

type CryptoKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey']

let made: Promise<SigningKey> | undefined

/** One RS256 key for all servers of the process: making one takes a tenth of a second. */
export function signingKey(): Promise<SigningKey> {
  made ??= make()
  return made
}

async function make(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  return { privateKey, publicKey, jwk: await exportJWK(publicKey) }
}
