import { boolean, type Checks, callable, duration, sealingKeys } from '../validate.js'
import type { SharedTokenCache } from './shared-token-cache.js'

/** Options for tokens that several processes share. */
export interface SharedCacheOptions {
  /**
   * A second level that several processes share: `fileTokenCache()` of `@mca-auth/file-cache` for those of a host,
   * `redisTokenCache()` of `@mca-auth/redis` for a fleet. Fails open.
   * @default none
   */
  readonly sharedCache?: SharedTokenCache | undefined
  /** Extra time that the shared cache may add to a token request, in ms. @default 250 */
  readonly sharedCacheTimeoutMs?: number | undefined
}

export const sharedCacheChecks: Checks<SharedCacheOptions> = {
  sharedCache: (name, value) => {
    // Its methods may be those of a class.
    if (typeof value !== 'object' || value === null) throw new TypeError(`\`${name}\` must be an object`)
    for (const method of ['get', 'set', 'delete', 'lease', 'release']) {
      callable(`${name}.${method}`, (value as Record<string, unknown>)[method])
    }
    const { encryptionKeys, exchanged } = value as { encryptionKeys?: unknown; exchanged?: unknown }
    if (encryptionKeys !== undefined) sealingKeys('encryptionKeys', encryptionKeys)
    if (exchanged !== undefined) boolean(`${name}.exchanged`, exchanged)
  },
  sharedCacheTimeoutMs: (name, value) => duration(name, value, 1),
}
