import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { UsageError } from './exit-codes.js'
import { print } from './output.js'
import { readKey } from './secret-file.js'

/** The algorithm, if the key can be used with only one. With RSA, the server and the client choose. */
const algorithms: Readonly<Record<string, string>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
  Ed25519: 'EdDSA',
}

/**
 * Prints the public half of a key as a JWK (RFC 7517), to be registered at a server for `private_key_jwt`. Prints the `kid`
 * that the assertions must have on standard error.
 *
 * @throws UsageError for anything but an asymmetric key.
 */
export async function printPublicJwk(file: string, id: string | undefined): Promise<void> {
  const key = await readKey('the key', file)
  const { kty, crv, n, e, x, y } = publicJwk(key)
  const own = typeof key === 'object' ? (key as { kid?: unknown; alg?: unknown }) : {}
  const jwk = { kty, crv, n, e, x, y } as JsonWebKey
  const kid = id ?? (typeof own.kid === 'string' ? own.kid : await calculateJwkThumbprint(jwk as object))
  const alg = typeof own.alg === 'string' ? own.alg : algorithms[crv ?? '']
  await print(`${JSON.stringify({ ...jwk, use: 'sig', alg, kid })}\n`)
  if (own.kid !== kid)
    process.stderr.write(`Give the same \`kid\` to the client: privateKeyJwt(key, { kid: ${JSON.stringify(kid)} })\n`)
}

/** The public JWK of a private or a public key. The export of a public key contains nothing private. */
function publicJwk(key: string | object): JsonWebKey {
  try {
    const format = typeof key === 'string' ? key : ({ key, format: 'jwk' } as const)
    return createPublicKey(format as Parameters<typeof createPublicKey>[0]).export({ format: 'jwk' })
  } catch (error) {
    const { code = 'unknown format' } = error as NodeJS.ErrnoException
    const isEncrypted = typeof key === 'string' && key.includes('ENCRYPTED')
    const hint = isEncrypted ? ': decrypt it with `openssl pkey -in FILE | mca-auth jwk -`' : ''
    throw new UsageError(`the key must be a private or public key as PEM or JWK (${code})${hint}`)
  }
}
