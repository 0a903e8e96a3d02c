import { type Checks, duration, positiveInteger, record, rejectUnknownKeys } from '../validate.js'
import type { RefreshPolicy } from './refresh-policy.js'

/** How tokens are cached. */
export interface ProviderOptions {
  /** Maximum number of cached tokens. @default 100 */
  readonly cacheSize?: number | undefined
  /** Maximum number of cached tokens on behalf of callers (`incoming: 'exchange'`). @default 1_000 */
  readonly exchangeCacheSize?: number | undefined
  /** When tokens are refreshed. */
  readonly refresh?: RefreshPolicy | undefined
}

export const providerChecks: Checks<ProviderOptions> = {
  cacheSize: positiveInteger,
  exchangeCacheSize: positiveInteger,
  refresh: (name, value) => {
    record(`\`${name}\``, value)
    rejectUnknownKeys('refresh option', value, ['staleMs', 'expiredMs'])
    for (const [key, ms] of Object.entries(value)) if (ms !== undefined) duration(`refresh.${key}`, ms, 0)
  },
}
