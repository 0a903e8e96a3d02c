import type { Credentials } from '../credentials/credentials.js'
import type { SharedTokenCache } from './shared-token-cache.js'

/**
 * The keys from which the keys of a shared cache are derived.
 *
 * @throws TypeError if there are none.
 */
export function sealingKeysOf(cache: SharedTokenCache, credentials: Credentials): readonly (string | Uint8Array)[] {
  const secret = credentials.clientAuth.sealingSecret ?? credentials.grant.sealingSecret
  const keys = cache.encryptionKeys ?? (secret === undefined ? [] : [secret])
  if (keys.length > 0) return keys
  throw new TypeError('`sharedCache` needs `encryptionKeys`: there is no `secret` of type string to derive a key from')
}
