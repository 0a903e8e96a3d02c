import type { TokenResponse } from '../token-endpoint/token-response.js'
import type { Sealer } from './sealing.js'
import type { SharedToken } from './shared-token-cache.js'

/**
 * The clocks of hosts differ. A token of an hour merely expires that much earlier on a host whose clock is ahead; a token
 * of a minute would never be shared, so this difference is tolerated.
 */
const clockToleranceMs = 125_000
const shortLifetimeMs = 600_000

/** An entry for the cache. Its owner, its token request and its expiry are sealed with it. */
export function sealToken(
  sealer: Sealer,
  storageKey: string,
  subject: string,
  { accessToken, scope, issuedAt, lifetimeMs }: TokenResponse,
): SharedToken {
  const expiresAt = issuedAt + lifetimeMs
  const text = JSON.stringify({ subject, accessToken, scope, lifetimeMs, expiresAt })
  const expiresInMs = Math.floor(expiresAt - Date.now())
  return { value: sealer.seal(storageKey, text), digest: sealer.digest(accessToken), expiresInMs }
}

/** `undefined` for an entry that was altered, moved or extended, or is of another version. */
export function openToken(
  sealer: Sealer,
  storageKey: string,
  subject: string,
  { value, expiresInMs }: SharedToken,
): TokenResponse | undefined {
  const text = sealer.open(storageKey, value)
  const { accessToken, scope, lifetimeMs, expiresAt, subject: sealedSubject } = text === undefined ? {} : parse(text)
  if (sealedSubject !== subject || typeof accessToken !== 'string') return undefined
  if (typeof lifetimeMs !== 'number' || typeof expiresAt !== 'number') return undefined
  const now = Date.now()
  const toleranceMs = lifetimeMs <= shortLifetimeMs ? clockToleranceMs : 0
  const leftMs = Math.min(expiresInMs, expiresAt - now + toleranceMs)
  if (!(leftMs > 0) || expiresInMs > lifetimeMs) return undefined
  const known = typeof scope === 'string' ? scope : undefined
  return { accessToken, scope: known, lifetimeMs, issuedAt: now - (lifetimeMs - leftMs) }
}

function parse(text: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(text) as object) }
  } catch {
    return {}
  }
}
