/** When a token is refreshed, relative to its expiry. Both windows shrink with short lifetimes. */
export interface RefreshPolicy {
  /**
   * How long before its expiry a token becomes stale: it is still used while a single refresh runs in the background.
   * In ms; never more than a fifth of the lifetime.
   * @default 300_000
   */
  readonly staleMs?: number | undefined
  /**
   * How long before its expiry a token counts as expired, to allow for network latency: callers wait for the refresh.
   * In ms; never more than a twentieth of the lifetime.
   * @default 10_000
   */
  readonly expiredMs?: number | undefined
}

/** The policy with its defaults. */
export interface ResolvedRefreshPolicy {
  readonly staleMs: number
  readonly expiredMs: number
}

/** A token that has expired on arrival is used for this long: at most one token request a second. */
const minUseMs = 1_000

/** Whether a token is used as is, used while it is refreshed, or waited for. */
export type TokenState = 'fresh' | 'stale' | 'expired'

interface Times {
  readonly issuedAt: number
  readonly staleAt: number
  readonly expiredAt: number
}

/** Turns a lifetime into instants, once per token. `jitter` (0.8 to 1) spreads the refreshes of a fleet. */
export function thresholds(
  response: { readonly issuedAt: number; readonly lifetimeMs: number },
  now: number,
  refresh: ResolvedRefreshPolicy,
  jitter: number,
): { expiresAt: number; staleAt: number; expiredAt: number } {
  const { issuedAt, lifetimeMs } = response
  const expiresAt = issuedAt + lifetimeMs
  const expiredAt = expiresAt - Math.min(refresh.expiredMs, lifetimeMs / 20)
  if (expiredAt <= now) {
    const end = now + minUseMs
    return { expiresAt: end, staleAt: end, expiredAt: end }
  }
  const staleAt = expiresAt - Math.min(refresh.staleMs, lifetimeMs / 5) * jitter
  return { expiresAt, staleAt: Math.min(staleAt, expiredAt), expiredAt }
}

/** An `issuedAt` in the future means the clock was set back. The token is used, but refreshed immediately. */
export function tokenState(token: Times, now: number): TokenState {
  if (now < token.staleAt && now >= token.issuedAt) return 'fresh'
  return now < token.expiredAt ? 'stale' : 'expired'
}
