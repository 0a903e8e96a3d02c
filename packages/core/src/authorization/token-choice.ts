import type { AsyncResource } from 'node:async_hooks'
import { originOf } from '../origin.js'
import type { ProvidedToken } from '../provider/provider-internals.js'
import type { SkipReason } from '../telemetry.js'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'
import type { ClientRules } from './client-rules.js'
import type { Incoming, IncomingToken } from './incoming.js'
import type { ScopeChallenge } from './outgoing-request.js'
import type { Sending } from './sending.js'
import { subjectOf } from './subject-of.js'
import { missingIncomingToken } from './unsent-requests.js'

export type RequestToken = ProvidedToken | IncomingToken

/**
 * The token that a request should carry: the one that `tokenRequest` chooses, of the service or on behalf of the caller, or
 * the incoming request's own.
 */
export class TokenChoice {
  readonly #rules: ClientRules
  /** The caller's context, in which `tokenRequest` is called. */
  readonly #context: AsyncResource
  readonly #incoming: Incoming
  #url: string | undefined
  #method = ''
  /** `false`: no token. `undefined`: not chosen yet. */
  #request: PreparedTokenRequest | false | undefined
  /** The first result of `tokenRequest`, if a challenge for more scope has led to another one. */
  #narrower: PreparedTokenRequest | undefined
  /** The origin of that challenge. No other origin gets the wider token. */
  #widerAt: string | undefined
  /** Whether an earlier request got that challenge. */
  #isRemembered = false
  #problem: unknown

  constructor(rules: ClientRules, context: AsyncResource) {
    this.#rules = rules
    this.#context = context
    this.#incoming = rules.incoming()
    this.#request = rules.defaultRequest
  }

  /** Why no token is available: the error of `tokenRequest`, or no caller on whose behalf to request one. */
  get problem(): unknown {
    if (this.#problem !== undefined || this.#rules.exchanging === undefined) return this.#problem
    return this.#incoming instanceof Object ? undefined : missingIncomingToken(this.#incoming)
  }

  /** Whether the current context belongs to the same incoming request, or to none. */
  get belongsHere(): boolean {
    const here = this.#rules.incoming()
    return here === undefined || here === this.#incoming
  }

  /** Whether it was made for this URL and method. */
  isFor({ url, method }: Sending): boolean {
    if (this.#rules.defaultRequest !== undefined || url === undefined) return true
    return this.#url !== undefined && String(url) === this.#url && method === this.#method
  }

  /** The first result of `tokenRequest`, in the form of {@link wanted}. */
  get first(): PreparedTokenRequest | undefined {
    const first = this.#narrower ?? (this.#request || undefined)
    return first && this.wanted(first)
  }

  /** Calls the option `tokenRequest`. */
  choose({ url, method, origin }: Sending): void {
    if (this.#rules.defaultRequest !== undefined || url === undefined) return
    this.#url = String(url)
    this.#method = method
    this.#problem = undefined
    this.#narrower = undefined
    this.#widerAt = undefined
    this.#isRemembered = false
    try {
      this.#request = this.#context.runInAsyncScope(() => this.#rules.choose(url, method))
    } catch (error) {
      this.#problem = error ?? new TypeError(`\`tokenRequest\` threw ${error}`)
      return
    }
    const { wider } = this.#rules
    const first = wider && this.first
    if (wider === undefined || first === undefined) return
    const at = origin ?? originOf(url) ?? ''
    const known = wider.find(at, first)
    if (known === undefined) return
    this.replaceBy(known, at)
    this.#isRemembered = true
  }

  /** Calls it again after a challenge for more scope. `undefined` if it does not want a different token. */
  chooseAfter(challenge: ScopeChallenge, url: string | URL, method: string): PreparedTokenRequest | undefined {
    return this.#context.runInAsyncScope(() => this.#rules.chooseAfter(challenge, url, method))
  }

  /** From now on, chooses a wider token for this origin. */
  replaceBy(wider: PreparedTokenRequest, origin: string): void {
    this.#narrower ??= this.#request || undefined
    this.#request = wider
    this.#widerAt = origin
    this.#isRemembered = false
  }

  /** The resource rejects the wider token, so later requests start with the first one again. */
  forgetWider(): void {
    const { first } = this
    if (this.#narrower === undefined || !this.#request || this.#widerAt === undefined || first === undefined) return
    this.#rules.wider?.forget(this.#widerAt, first, this.#request)
  }

  reasonToSkip(): SkipReason | undefined {
    if (this.#problem !== undefined) return undefined
    if (this.#request === false) return 'token-request'
    // Never fall back to our own token: that would escalate the caller's privileges.
    return this.#incoming === 'none' && this.#rules.exchanging === undefined ? 'no-incoming-token' : undefined
  }

  /** The token for a sending to this origin, if one is available without waiting. */
  take(origin: string | undefined): RequestToken | undefined {
    const { exchanging, provider } = this.#rules
    if (exchanging === undefined && this.#incoming instanceof Object) {
      // Its connection may need a client certificate, which must be read first.
      return provider.certificates?.isReady === false ? undefined : this.#incoming
    }
    const request = this.#wantedAt(origin)
    return request && provider.take(request)
  }

  acquire(signal: AbortSignal | undefined, origin: string | undefined): Promise<RequestToken> {
    const { exchanging, provider } = this.#rules
    const incoming = this.#incoming
    if (exchanging === undefined && incoming instanceof Object) {
      return Promise.resolve(provider.certificates?.read()).then(() => incoming)
    }
    const token = provider.acquire(this.#wantedAt(origin) as PreparedTokenRequest, signal)
    return this.#isRemembered ? token.catch((error) => this.#acquireFirst(error, signal)) : token
  }

  /** Replaces the wider token: this request may not need the scope of an earlier one, and must not fail for lack of it. */
  #acquireFirst(error: unknown, signal: AbortSignal | undefined): Promise<ProvidedToken> {
    const [narrower, first] = [this.#narrower, this.first]
    if (signal?.aborted || !narrower || !first) throw error
    this.forgetWider()
    this.#request = narrower
    this.#narrower = undefined
    this.#widerAt = undefined
    this.#isRemembered = false
    return this.#rules.provider.acquire(first, signal)
  }

  #wantedAt(origin: string | undefined): PreparedTokenRequest | undefined {
    const isElsewhere = this.#narrower !== undefined && origin !== this.#widerAt
    const request = isElsewhere ? this.#narrower : this.#request
    return request ? this.wanted(request) : undefined
  }

  /** The token request to make, for the service or on behalf of the caller, if there is one. */
  wanted(request: PreparedTokenRequest): PreparedTokenRequest | undefined {
    const { exchanging } = this.#rules
    if (exchanging === undefined) return request
    return this.#incoming instanceof Object ? exchanging.onBehalfOf(request, subjectOf(this.#incoming)) : undefined
  }
}
