import type { ExchangeGrant } from '../credentials/exchange-grant.js'
import { SubjectCoolDowns } from '../token-endpoint/subject-cool-downs.js'
import type { TokenServer } from '../token-endpoint/token-server.js'
import type { TokenRefresherParts } from './create-token-refresher.js'
import { ExchangedTokens } from './exchanged-tokens.js'
import { SubjectLifetime } from './subject-lifetime.js'
import { TokenCache } from './token-cache.js'

/** How a provider exchanges the tokens of callers. */
export interface ExchangeParts {
  /** Creates its own tokens. */
  readonly refresher: TokenRefresherParts
  readonly server: TokenServer
  readonly grant: ExchangeGrant
  readonly cacheSize: number
}

export function createExchangedTokens(own: TokenCache, exchange: ExchangeParts): ExchangedTokens {
  const { refresher: parts, server, grant, cacheSize } = exchange
  const coolDowns = new SubjectCoolDowns(cacheSize)
  const subjectLifetime = new SubjectLifetime(server.clock)
  const credentials = { ...parts.credentials, grant }
  // Tokens of users are shared outside this process only if `exchanged` allows it.
  const sharing = parts.sharing?.cache.exchanged === true ? { ...parts.sharing, cacheSize } : undefined
  const refresher = async () => {
    const { createTokenRefresher } = await import('./create-token-refresher.js')
    return createTokenRefresher({ ...parts, credentials, coolDowns, sharing, subjectLifetime })
  }
  const { telemetry } = parts
  const tokens = new TokenCache({ rules: own.rules, tokenRequest: {}, cacheSize, refresher, coolDowns, telemetry })
  return new ExchangedTokens(own, tokens, coolDowns, subjectLifetime)
}
