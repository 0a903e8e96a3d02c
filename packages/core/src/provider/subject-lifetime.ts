import type { ServerClock } from '../credentials/server-clock.js'
import type { SubjectToken } from '../credentials/subject-token.js'
import type { TokenResponse } from '../token-endpoint/token-response.js'
import type { ResolvedRefreshPolicy } from './refresh-policy.js'

/** Clocks and entries of a shared cache are this coarse. */
const toleranceMs = 2_000
const untilTheEnd: ResolvedRefreshPolicy = { staleMs: 0, expiredMs: 0 }

/**
 * A token that was issued for a caller must not outlive the token that the caller presented, as far as that says when it
 * expires (RFC 7519 §4.1.4): somebody whose session is over would still be acted for.
 */
export class SubjectLifetime {
  readonly #clock: ServerClock

  /** Of the server that issues the tokens, since ours may be wrong. */
  constructor(clock: ServerClock) {
    this.#clock = clock
  }

  /** Whether the subject has expired for sure: as long as the server has not told the time, it is for the server to say. */
  hasEnded({ expiresAt }: SubjectToken): boolean {
    return expiresAt !== undefined && this.#clock.isKnown && expiresAt <= this.#clock.now()
  }

  limit(response: TokenResponse, subject: SubjectToken): TokenResponse {
    const longestMs = this.#endOf(subject) - response.issuedAt
    return response.lifetimeMs <= longestMs ? response : { ...response, lifetimeMs: Math.max(0, longestMs) }
  }

  /** A token that ends with its subject is used until then: another one would end at the same time. */
  policyFor(response: TokenResponse, subject: SubjectToken, policy: ResolvedRefreshPolicy): ResolvedRefreshPolicy {
    const endsWithIt = response.issuedAt + response.lifetimeMs > this.#endOf(subject) - toleranceMs
    return endsWithIt ? untilTheEnd : policy
  }

  /** By our clock, in ms since the epoch. */
  #endOf({ expiresAt = Number.POSITIVE_INFINITY }: SubjectToken): number {
    return this.#clock.toOurs(expiresAt)
  }
}
