import { type McaAuthOptions, resolveOptions } from './options.js'
import { OAuthTokenProvider } from './provider/oauth-token-provider.js'
import type { CachingTokenProvider } from './provider/token-provider.js'

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
export function createTokenProvider(options: McaAuthOptions = {}): CachingTokenProvider {
  return new OAuthTokenProvider(resolveOptions(options))
}
