import { type McaAuthOptions, resolveOptions } from './options.js'
import { CachingTokenProvider } from './provider/caching-token-provider.js'
import type { TokenProvider } from './provider/token-provider.js'

/**
 * Creates a provider, to be shared by all clients that call services of one authorization server.
 *
 * @throws TypeError for a bad option; McaAuthError `MISSING_*`, `INVALID_CREDENTIALS_SOURCE` or `INSECURE_TRANSPORT`.
 * @example
 * ```ts
 * import { createTokenProvider } from '@mca-auth/core'
 *
 * const provider = createTokenProvider({ scope: 'orders.read' }) // credentials of the platform
 * await provider.getToken() // at boot: warm, or fail early
 * ```
 */
export function createTokenProvider(options: McaAuthOptions = {}): TokenProvider {
  return new CachingTokenProvider(resolveOptions(options))
}
