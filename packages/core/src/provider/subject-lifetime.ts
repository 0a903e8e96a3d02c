import type { ServerClock } from '../credentials/server-clock.js'
import type { SubjectToken } from '../credentials/subject-token.js'
import type { TokenResponse } from '../token-endpoint/token-response.js'
import type { ResolvedRefreshPolicy } from './refresh-policy.js'

/** The precision of clocks and of entries in a shared cache. */
const toleranceMs = 2_000
const untilTheEnd: ResolvedRefreshPolicy = { staleMs: 0, expiredMs: 0 }

/**
 * A token that was issued for a caller must not outlive the token that the caller presented, if the expiry of that is known
 * (RFC 7519 §4.1.4): otherwise we would still act on behalf of a user whose session has ended.
 */
export class SubjectLifetime {
  readonly #clock: ServerClock

  /** The clock of the server that issues the tokens, since ours may be wrong. */
  constructor(clock: ServerClock) {
    this.#clock = clock
  }

  /** Whether the subject has certainly expired. Until the server's time is known, the server must decide. */
  hasEnded({ expiresAt }: SubjectToken): boolean {
    return expiresAt !== undefined && this.#clock.isKnown && expiresAt <= this.#clock.now()
  }

  limit(response: TokenResponse, subject: SubjectToken): TokenResponse {
    const longestMs = this.#endOf(subject) - response.issuedAt
    return response.lifetimeMs <= longestMs ? response : { ...response, lifetimeMs: Math.max(0, longestMs) }
  }

  /** A token that expires with its subject is used until then, since a new one would expire at the same time. */
  policyFor(response: TokenResponse, subject: SubjectToken, policy: ResolvedRefreshPolicy): ResolvedRefreshPolicy {
    const endsWithIt = response.issuedAt + response.lifetimeMs > this.#endOf(subject) - toleranceMs
    return endsWithIt ? untilTheEnd : policy
  }

  /** By our clock, in ms since the epoch. */
  #endOf({ expiresAt = Number.POSITIVE_INFINITY }: SubjectToken): number {
    return this.#clock.toOurs(expiresAt)
  }
}
