import { AsyncResource } from 'node:async_hooks'
import type { McaAuthError } from '../error.js'
import { originOf } from '../origin.js'
import type { SkipReason } from '../telemetry.js'
import { hasTokenEndpoint, isTokenEndpoint } from '../token-endpoint/token-endpoints.js'
import type { ClientRules } from './client-rules.js'
import { LastSending } from './last-sending.js'
import type { RedirectDetails, ResponseDetails } from './response-details.js'
import type { ResponseHeaders } from './response-headers.js'
import type { AuthorizationHeaders, BeginRequest, Sending, Verdict } from './sending.js'
import { reportSkipped } from './skipped-requests.js'
import { type RequestToken, TokenChoice } from './token-choice.js'
import { TokenUse } from './token-use.js'
import { insecure, missingOrigins, noTokenForHop } from './unsent-requests.js'

const none: AuthorizationHeaders = Object.freeze({})

/**
 * The authorization of one request, from the caller's call to the final response: over every redirect, retry and resend.
 * What it has lost stays lost: an origin that was left, a resend that was used, a redirect that was followed.
 */
export class RequestAuthorization {
  /** Whether this client's origins include the one that was addressed. If not, another `mcaAuth()` may decide. */
  readonly applies: boolean
  readonly #rules: ClientRules
  readonly #request: BeginRequest
  readonly #choice: TokenChoice
  readonly #context = new AsyncResource('mca-auth')
  /** The origin that may have the token if the options list none. */
  #addressed: string | undefined
  /** Decided by the first sending, for all sendings. */
  #skipped: SkipReason | undefined
  #hasLeft = false
  #hasFollowedRedirect = false
  /** The target of a redirect that named an address. */
  #address: string | undefined
  readonly #last: LastSending
  readonly #use: TokenUse

  /** @internal */
  constructor(rules: ClientRules, request: BeginRequest) {
    this.#rules = rules
    this.#request = request
    this.#last = new LastSending(request)
    const origin = this.#originOf(request)
    this.#addressed = request.base === undefined ? origin : originOf(request.base)
    this.applies = origin === undefined || this.#allows(origin)
    this.#choice = new TokenChoice(rules, this.#context)
    this.#use = new TokenUse(rules, this.#choice, request.signal)
    if (this.applies && request.authorization === undefined) this.#choice.choose(request)
  }

  /**
   * For each sending, when URL and headers are final: the headers that we add to it. Waits for a token only on a
   * first sending or a retry, never on a redirect hop.
   *
   * @throws McaAuthError on a redirect hop; otherwise the promise rejects. Then the request must not be sent.
   */
  headersFor(final: Sending): AuthorizationHeaders | Promise<AuthorizationHeaders> {
    const { state } = this.#last
    const isByAddress = this.#address !== undefined && final.dispatched === this.#address
    const sending = isByAddress ? { ...final, url: this.#address, origin: undefined } : this.#last.byName(final)
    const previous = this.#use.start()
    this.#last.start(sending)
    const origin = this.#originOf(sending)
    const reason = this.#reasonToSkip(sending, origin, previous) ?? this.#choose(sending, state === 'begun')
    if (reason !== undefined) {
      reportSkipped(this.#rules.client, origin, reason)
      return none
    }
    const problem = this.#choice.problem ?? this.#reasonNotToSend(sending, origin)
    const token = this.#use.take(origin) ?? (state === 'redirected' ? previous : undefined)
    if (problem === undefined && token !== undefined) return this.#use.carry(token, sending, origin ?? '')
    if (state === 'redirected') throw this.#failWith(problem ?? noTokenForHop())
    if (problem !== undefined) return Promise.reject(this.#failWith(problem))
    return this.#choice.acquire(this.#request.signal, origin).then(
      (acquired) => this.#use.carry(acquired, sending, origin ?? ''),
      (error) => {
        throw this.#failWith(error)
      },
    )
  }

  /**
   * The client follows a redirect to this URL. `hopIsOurs`: the adapter sends the hop, or sees a layer that sends it, so that
   * a resend would repeat only this hop; otherwise the client follows it by itself, and the request is not resent.
   * `headers`: of the response that redirects, unless they were given to `responded()`.
   */
  redirected(sending: Sending, { hopIsOurs = false, headers }: RedirectDetails = {}): void {
    if (headers && !this.#hasLeft) this.#use.learn(headers, this.#originOf(this.#last.sending) ?? '')
    this.#last.redirect()
    this.#hasFollowedRedirect = true
    // The original request may have been applied: no POST is executed twice.
    if (!hopIsOurs) this.#use.spentBy = 'redirect'
    const origin = this.#originOf(sending)
    if (origin === undefined || !this.#allows(origin)) this.#hasLeft = true
  }

  /**
   * A final response arrived. `'resend'`: a new token is available, so send the same request again.
   * @throws `signal.reason`, as a rejection, if the caller aborts while we wait for another token.
   */
  responded(status: number, headers: ResponseHeaders, details: ResponseDetails = {}): Verdict | Promise<Verdict> {
    this.#last.respond(status, headers)
    // The client had removed our token at another origin.
    if (this.#hasLeft) return 'deliver'
    return this.#use.evaluate(status, headers, details, this.#last.sending, this.#originOf(this.#last.sending) ?? '')
  }

  /** A sending ended without a response. */
  failed(): void {
    this.#last.fail()
  }

  /** The client certificate that the connection of the last sending needs (RFC 8705). `undefined`: none, e.g. at another origin. */
  get certificate(): ReturnType<TokenUse['certificateAt']> {
    return this.#use.certificateAt(this.#originOf(this.#last.sending))
  }

  /** Whether a layer around the client may send the request again: the last sending failed or was redirected. */
  get isUnfinished(): boolean {
    return this.#last.isUnfinished
  }

  /** Whether this sending continues the request: it repeats one that failed, or follows the redirect. */
  continues(sending: Sending): boolean {
    if (this.#last.isRepeatedBy(sending)) return true
    if (!this.#last.isFollowedBy(sending)) return false
    this.redirected(sending, { hopIsOurs: true })
    return true
  }

  /** Runs a function in the caller's async context. */
  run<Args extends unknown[], Result>(callback: (...args: Args) => Result, thisArg?: unknown, ...args: Args): Result {
    return this.#context.runInAsyncScope(callback as (this: unknown, ...args: Args) => Result, thisArg, ...args)
  }

  /** @internal Whether a request that a layer sends next may be this one. */
  mayLeadTo(sending: Sending): boolean {
    return this.#last.mayLeadTo(sending)
  }

  /** @internal */
  isOf(rules: ClientRules): boolean {
    return this.#rules === rules
  }

  /** @internal Whether the current context belongs to the same incoming request, or to none. */
  get belongsHere(): boolean {
    return this.#choice.belongsHere
  }

  /** @internal Whether the last response redirected exactly there. */
  isFollowedBy(sending: Pick<Sending, 'url'>): boolean {
    return this.#last.isFollowedBy(sending)
  }

  /** @internal */
  matchByAddress(url: string): void {
    this.#address = url
  }

  /** @internal A layer that follows a redirect to an unlisted origin may send another URL there: no token for that either. */
  avoidWhereLed(before: RequestAuthorization): void {
    const unlisted = before.#hasLeft ? before.#originOf(before.#last.sending) : undefined
    if (unlisted !== undefined && unlisted === this.#originOf(this.#request)) {
      this.#hasLeft = true
      this.#hasFollowedRedirect = true
    }
  }

  /** @internal Inherits only the restrictions of the request before. */
  inherit(before: RequestAuthorization): void {
    this.#addressed = before.#addressed
    this.#use.inherit(before.#use)
    this.#hasFollowedRedirect = before.#hasFollowedRedirect || before.#last.state === 'redirect-received'
    this.#hasLeft = before.#hasLeft
  }

  #originOf({ origin, url }: Sending): string | undefined {
    return origin ?? (url === undefined ? this.#rules.origins.list?.sole : originOf(url))
  }

  #allows(origin: string): boolean {
    return this.#rules.origins.allows(origin, this.#addressed)
  }

  /** Why the token must not go there, or must be left to the caller. */
  #reasonToSkip({ url, authorization }: Sending, origin: string | undefined, previous: RequestToken | undefined) {
    if (url !== undefined && origin !== undefined && hasTokenEndpoint(origin) && isTokenEndpoint(url)) {
      return 'token-endpoint'
    }
    if (origin !== undefined && !this.#allows(origin)) this.#hasLeft = true
    if (this.#hasLeft) return this.#hasFollowedRedirect ? 'origin-left' : 'origin-not-listed'
    if (authorization !== undefined && authorization !== previous?.header) this.#skipped ??= 'own-authorization'
    return this.#skipped
  }

  /** Repeated if other layers changed the request before its first sending, since their changes are part of it. */
  #choose(sending: Sending, isFirst: boolean): SkipReason | undefined {
    if (isFirst && !this.#choice.isFor(sending)) this.#choice.choose(sending)
    this.#skipped ??= this.#choice.reasonToSkip()
    return this.#skipped
  }

  #reasonNotToSend(sending: Sending, origin: string | undefined): McaAuthError | undefined {
    const { origins } = this.#rules
    if (origin === undefined || (this.#request.hidesRedirects === true && origins.list === undefined)) {
      return missingOrigins(origin)
    }
    return origins.isSecure(origin, sending.isProxied) ? undefined : insecure(origin, sending.isProxied?.() === true)
  }

  #failWith(error: unknown): unknown {
    this.#last.fail()
    return error
  }
}
