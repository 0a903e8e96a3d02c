import type { ProvidedToken } from '../provider/provider-internals.js'
import { rejectsToken } from './challenge.js'
import type { ClientRules } from './client-rules.js'
import { headerValues, type ResponseHeaders } from './response-headers.js'
import type { AuthorizationHeaders, ResponseDetails, Verdict } from './sending.js'
import type { RequestToken, TokenChoice } from './token-choice.js'

/** The token that a request carries, from one sending to the next: what a rejection does to it, and what a resend takes. */
export class TokenUse {
  readonly #rules: ClientRules
  readonly #choice: TokenChoice
  readonly #signal: AbortSignal | undefined
  /** What the last sending carried. */
  #token: RequestToken | undefined
  /** What the resend will carry; then it is the last sending. */
  #next: ProvidedToken | undefined
  #isResend = false
  /** It was resent, or a redirect was followed out of our sight, and the request may have been applied. */
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

  /** The token that a sending should carry, if there is one without waiting. */
  atHand(): RequestToken | undefined {
    const next = this.#next
    this.#next = undefined
    return next ?? this.#choice.take()
  }

  carry(token: RequestToken): AuthorizationHeaders {
    this.#token = token
    return { authorization: token.header }
  }

  /** What the response to a sending means: `origin` is where it was sent. */
  judge(
    status: number,
    headers: ResponseHeaders,
    details: ResponseDetails,
    origin: string,
  ): Verdict | Promise<Verdict> {
    const token = this.#token
    // An incoming token is not ours to replace.
    if (token === undefined || !('key' in token)) return 'deliver'
    const { provider, budget } = this.#rules
    const isRejected =
      (status === 401 || status === 403) && rejectsToken(status, headerValues(headers, 'www-authenticate'))
    if (this.#isResend) {
      this.#isResend = false
      if (!isRejected) budget.giveBack(token.key, origin)
      return 'deliver'
    }
    if (!isRejected || details.fromCache === true) return 'deliver'
    if (provider.isCurrent(token)) {
      if (!budget.take(token.key, origin)) return 'deliver'
      provider.reject(token, origin)
    }
    return details.replayable === true && !this.isSpent ? this.#replace(token) : 'deliver'
  }

  /** Another token than the rejected one, if there is one to be had. If not, the 401 says more than our error. */
  #replace(rejected: ProvidedToken): Verdict | Promise<Verdict> {
    const resendWith = (token: ProvidedToken): Verdict => {
      if (token.header === rejected.header) return 'deliver'
      this.#next = token
      this.isSpent = true
      this.#isResend = true
      return 'resend'
    }
    const signal = this.#signal
    const atHand = this.#choice.take() as ProvidedToken | undefined
    if (atHand !== undefined) return resendWith(atHand)
    return this.#choice.acquire(signal).then(resendWith, (error) => {
      if (signal?.aborted) throw error
      return 'deliver'
    })
  }
}
