import { type Checks, callable, duration, record, sealingKeys } from '../validate.js'
import type { SharedTokenCache } from './shared-token-cache.js'

/** Tokens that several processes share. */
export interface SharedCacheOptions {
  /** A second level that a fleet shares, e.g. `redisTokenCache()` of `@mca-auth/redis`. Fails open. @default none */
  readonly sharedCache?: SharedTokenCache | undefined
  /** Extra time that the shared cache may add to a token request, in ms. @default 250 */
  readonly sharedCacheTimeoutMs?: number | undefined
}

export const sharedCacheChecks: Checks<SharedCacheOptions> = {
  sharedCache: (name, value) => {
    record(`\`${name}\``, value)
    for (const method of ['get', 'set', 'delete', 'lease', 'release']) {
      callable(`${name}.${method}`, (value as Record<string, unknown>)[method])
    }
    const { encryptionKeys } = value as { encryptionKeys?: unknown }
    if (encryptionKeys !== undefined) sealingKeys('encryptionKeys', encryptionKeys)
  },
  sharedCacheTimeoutMs: (name, value) => duration(name, value, 1),
}
