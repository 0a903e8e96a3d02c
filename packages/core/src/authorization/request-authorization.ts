import { AsyncResource } from 'node:async_hooks'
import { McaAuthError } from '../error.js'
import { originOf, parseUrl } from '../origin.js'
import type { ProvidedToken } from '../provider/provider-internals.js'
import { isTokenEndpoint } from '../token-endpoint/token-endpoint-registry.js'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'
import { rejectsToken } from './challenge.js'
import { IncomingToken, incomingToken } from './incoming.js'
import type { RequestAuthorizer } from './request-authorizer.js'
import { headerValues, type ResponseHeaders } from './response-headers.js'
import { reportSkipped, type SkipReason } from './skipped-requests.js'
import { withTrail } from './trail.js'

/** One sending of a request: what is final when the client hands it to the wire. */
export interface Sending {
  /** Absolute. `undefined` if the client hides where it is connected to. */
  readonly url: string | URL | undefined
  readonly method: string
  /** Its origin, if the URL does not tell: {@link unixSocket}. */
  readonly origin?: string | undefined
  /** The `Authorization` that the request has now, of whoever; `undefined` if none. `false` and `null` mean "none, please". */
  readonly authorization?: unknown
  /** Whether it goes through a proxy that would see a token sent over plain HTTP. */
  readonly proxied?: boolean | undefined
}

/** A request as its caller made it. */
export interface BeginRequest extends Sending {
  /** Ends the wait for a token. */
  readonly signal?: AbortSignal | undefined
  /** The base URL of the client, which names the origin that may have the token unless `origins` does. */
  readonly base?: string | URL | undefined
  /** The client follows redirects in a way that the adapter can't see. Without `origins` such a request is not sent. */
  readonly hidesRedirects?: boolean | undefined
  /** The adapter sends every hop of a redirect by itself, so a resend repeats the last hop alone. */
  readonly seesHops?: boolean | undefined
}

/** The headers of ours that a sending must have. What the adapter set before and is missing here must be removed. */
export interface AuthorizationHeaders {
  readonly authorization?: string
}

export type Verdict = 'deliver' | 'resend'

const none: AuthorizationHeaders = Object.freeze({})

/** `begun`: nothing sent yet. `finished`: the response was a success, or an error that nobody sends again. */
type State = 'begun' | 'sending' | 'failed' | 'answered-redirect' | 'redirected' | 'finished'

/**
 * The authorization of one request, from the caller's call to the final response: over every redirect, retry and resend.
 * What it lost stays lost: an origin that was left, a resend that is spent, a redirect that was followed.
 */
export class RequestAuthorization {
  /** Whether this client's origins include where the request was addressed to. If not, another `mcaAuth()` may decide. */
  readonly applies: boolean
  /** @internal */
  readonly authorizer: RequestAuthorizer
  readonly #request: BeginRequest
  /** Where the token may go if the options list no origins. */
  #addressed: string | undefined
  readonly #incoming: IncomingToken | 'none' | undefined
  readonly #context = new AsyncResource('mca-auth')
  /** The token request, `false` for none, or what `tokenRequest` threw. */
  #chosen: PreparedTokenRequest | false | undefined
  #problem: unknown
  /** Decided by the first sending, for all. */
  #skipped: SkipReason | undefined
  #left = false
  #followedRedirect = false
  #resent = false

  #state: State = 'begun'
  #sending: Sending
  #location: string | undefined
  /** What the current sending carries. */
  #token: ProvidedToken | IncomingToken | undefined
  /** What the resend will carry. */
  #next: ProvidedToken | undefined
  #isResend = false

  /** @internal */
  constructor(authorizer: RequestAuthorizer, request: BeginRequest, origin: string | undefined) {
    this.authorizer = authorizer
    this.#request = request
    this.#sending = request
    this.#addressed = request.base === undefined ? origin : originOf(request.base)
    this.#incoming = authorizer.forwardsIncoming ? incomingToken() : undefined
    this.applies = origin === undefined || authorizer.rule.allows(origin, this.#addressed)
    if (authorizer.tokenRequest === undefined) this.#chosen = authorizer.defaultRequest
    else if (this.applies && request.authorization === undefined) this.#choose(request)
  }

  /**
   * For each sending, when URL and headers are final: the headers of ours that it must have. Waits for a token only on a
   * first sending or a retry, never on a redirect hop.
   *
   * @throws McaAuthError on a redirect hop; otherwise the promise rejects. Then the request must not be sent.
   */
  headersFor(sending: Sending): AuthorizationHeaders | Promise<AuthorizationHeaders> {
    const state = this.#state
    const previous = this.#token
    this.#state = 'sending'
    this.#token = undefined
    const origin = this.#originOf(sending)
    const reason = this.#reasonToSkip(sending, origin, previous)
    if (state === 'begun' && reason === undefined && this.#isAnother(sending)) this.#choose(sending)
    this.#sending = sending
    const skipped = reason ?? this.#reasonOfCaller()
    if (skipped !== undefined) return this.#skip(skipped, origin)

    const problem = this.#problem ?? this.#reasonToRefuse(sending, origin)
    const token = this.#tokenAtHand(state === 'redirected' ? previous : undefined)
    if (problem === undefined && token !== undefined) return this.#carry(token)
    if (state === 'redirected') throw this.#failedWith(problem ?? noTokenForHop())
    if (problem !== undefined) return Promise.reject(this.#failedWith(problem))
    return this.authorizer.provider.acquire(this.#chosen as PreparedTokenRequest, this.#request.signal).then(
      (acquired) => this.#carry(acquired),
      (error) => {
        throw this.#failedWith(error)
      },
    )
  }

  /** The client follows a redirect to this URL. */
  redirected(sending: Sending): void {
    this.#state = 'redirected'
    this.#followedRedirect = true
    const origin = this.#originOf(sending)
    if (origin === undefined || !this.#allows(origin)) this.#left = true
  }

  /**
   * A final response arrived. `'resend'`: another token is at hand, send the same request again. `replayable`: whether its
   * body can be sent again byte for byte. `fromCache`: no server answered now.
   *
   * @throws `signal.reason`, as a rejection, if the caller aborts while we wait for another token.
   */
  responded(
    status: number,
    headers: ResponseHeaders,
    { replayable = false, fromCache = false }: { readonly replayable?: boolean; readonly fromCache?: boolean } = {},
  ): Verdict | Promise<Verdict> {
    this.#location = status >= 300 && status < 400 ? headerValues(headers, 'location')[0] : undefined
    this.#state = this.#location !== undefined ? 'answered-redirect' : status >= 400 ? 'failed' : 'finished'
    const token = this.#token
    if (token === undefined || !('key' in token)) return 'deliver'
    const rejected = (status === 401 || status === 403) && rejectsToken(status, headerValues(headers, 'www-authenticate'))
    const { provider, budget } = this.authorizer
    const origin = this.#originOf(this.#sending) ?? ''
    if (this.#isResend) {
      this.#isResend = false
      if (!rejected && status !== 401) budget.giveBack(token.key, origin)
      return 'deliver'
    }
    if (!rejected || fromCache) return 'deliver'
    if (provider.isCurrent(token)) {
      if (!budget.take(token.key, origin)) return 'deliver'
      provider.reject(token, origin)
    }
    const mayResend = replayable && !this.#resent && (!this.#followedRedirect || this.#request.seesHops === true)
    return mayResend ? this.#another(token) : 'deliver'
  }

  /** A sending ended without a response. */
  failed(): void {
    this.#state = 'failed'
  }

  /** Whether its last sending failed, so that a layer around the client may send it again. */
  get hasFailed(): boolean {
    return this.#state === 'failed'
  }

  /** Whether this sending continues the request: it repeats one that failed, or follows the redirect. */
  continues(sending: Sending): boolean {
    if (this.#state === 'failed') return this.#repeats(sending)
    if (this.#state !== 'answered-redirect') return false
    const from = this.#sending.url
    const target = from === undefined ? undefined : parseUrl(this.#location ?? '', String(from))
    if (target === undefined || withoutHash(target) !== withoutHash(parseUrl(String(sending.url)))) return false
    this.redirected(sending)
    return true
  }

  /** Runs a function in the caller's async context. */
  run<This, Args extends unknown[], Result>(
    callback: (this: This, ...args: Args) => Result,
    thisArg?: This,
    ...args: Args
  ): Result {
    return this.#context.runInAsyncScope(callback as (this: This | undefined, ...args: Args) => Result, thisArg, ...args)
  }

  /**
   * Calls a layer's callback for the end of a response or for an error, in the caller's async context, so that a request
   * which the layer sends from there is recognised by {@link RequestAuthorizer.beginOrContinue}.
   */
  runEnd<Result>(identity: object, callback: () => Result): Result {
    if (this.#state !== 'failed' && this.#state !== 'answered-redirect') return this.run(callback)
    this.authorizer.expect(identity, this)
    return this.run(() => withTrail(this, callback))
  }

  /** @internal Whether a request that the layer sends next may be this one: the same again, or whatever follows a redirect. */
  mayLeadTo(sending: Sending): boolean {
    return this.#state === 'answered-redirect' || (this.#state === 'failed' && this.#repeats(sending))
  }

  /** @internal Takes over what is forbidden, and nothing else. */
  inherit(before: RequestAuthorization): void {
    this.#addressed = before.#addressed
    this.#resent = before.#resent
    this.#followedRedirect = before.#followedRedirect
    this.#left = before.#left || !before.#mayHaveLastOrigin()
    if (before.#state === 'answered-redirect') this.redirected(this.#sending)
  }

  /** @internal Whether the current context serves the same incoming request, or none. */
  belongsHere(): boolean {
    const here = this.authorizer.forwardsIncoming ? incomingToken() : undefined
    return here === undefined || here === this.#incoming
  }
}
