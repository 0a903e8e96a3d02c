import { resolveCredentials } from './credentials/credentials.js'
import { type McaAuthOptions, resolveOptions } from './options.js'

/**
 * Whether the credentials contain a secret that does not change, so that a shared cache needs no `encryptionKeys`.
 *
 * @throws McaAuthError or TypeError, as `createTokenProvider()` does.
 */
export function hasStaticSecret(options: McaAuthOptions): boolean {
  const { clientAuth, grant } = resolveCredentials(resolveOptions(options).credentials)
  return (clientAuth.sealingSecret ?? grant.sealingSecret) !== undefined
}
