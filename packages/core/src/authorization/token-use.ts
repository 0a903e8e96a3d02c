import type { ProvidedToken } from '../provider/provider-internals.js'
import { rejectsToken } from './challenge.js'
import type { ClientRules } from './client-rules.js'
import { headerValues, type ResponseHeaders } from './response-headers.js'
import type { AuthorizationHeaders, ResponseDetails, Verdict } from './sending.js'
import type { RequestToken, TokenChoice } from './token-choice.js'

/** The token that a request carries, from one sending to the next: what a rejection means, and what a resend carries. */
export class TokenUse {
  readonly #rules: ClientRules
  readonly #choice: TokenChoice
  readonly #signal: AbortSignal | undefined
  /** What the last sending carried. */
  #token: RequestToken | undefined
  /** What the resend will carry, until it is sent. */
  #next: ProvidedToken | undefined
  #isResend = false
  /** No resend is left: it was used, or the request may have been applied before a redirect that we did not see. */
  isSpent = false

  constructor(rules: ClientRules, choice: TokenChoice, signal: AbortSignal | undefined) {
    this.#rules = rules
    this.#choice = choice
    this.#signal = signal
  }

  /** A new sending begins. Returns what the one before carried. */
  start(): RequestToken | undefined {
    const previous = this.#token
    this.#token = undefined
    return previous
  }

  /** The token that the next sending should carry, if one is available without waiting. */
  take(): RequestToken | undefined {
    const next = this.#next
    this.#next = undefined
    this.#isResend = next !== undefined
    return next ?? this.#choice.take()
  }

  carry(token: RequestToken): AuthorizationHeaders {
    this.#token = token
    return { authorization: token.header }
  }

  /** What the response to the last sending means; `origin` is where that was sent. */
  evaluate(
    status: number,
    headers: ResponseHeaders,
    details: ResponseDetails,
    origin: string,
  ): Verdict | Promise<Verdict> {
    const token = this.#token
    // An incoming token has no key, and cannot be replaced.
    if (token === undefined || !('key' in token)) return 'deliver'
    const { provider, budget } = this.#rules
    const isRejected =
      (status === 401 || status === 403) && rejectsToken(status, headerValues(headers, 'www-authenticate'))
    if (this.#isResend) {
      this.#isResend = false
      if (!isRejected) budget.giveBack(token.key, origin)
      return 'deliver'
    }
    // `Age` says that a cache answered (RFC 9111 §5.1).
    if (!isRejected || details.fromCache === true || headerValues(headers, 'age').length > 0) return 'deliver'
    if (provider.isCurrent(token)) {
      if (!budget.take(token.key, origin)) return 'deliver'
      provider.reject(token, origin)
    }
    return details.replayable === true && !this.isSpent ? this.#replace(token) : 'deliver'
  }

  /** Gets another token than the rejected one, if one is available. If not, the 401 says more than our error. */
  #replace(rejected: ProvidedToken): Verdict | Promise<Verdict> {
    const resendWith = (token: ProvidedToken): Verdict => {
      if (token.header === rejected.header) return 'deliver'
      this.#next = token
      this.isSpent = true
      return 'resend'
    }
    const signal = this.#signal
    const available = this.#choice.take() as ProvidedToken | undefined
    if (available !== undefined) return resendWith(available)
    return this.#choice.acquire(signal).then(resendWith, (error) => {
      if (signal?.aborted) throw error
      return 'deliver'
    })
  }
}
