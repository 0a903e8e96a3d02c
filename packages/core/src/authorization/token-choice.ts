import type { ProvidedToken } from '../provider/provider-internals.js'
import type { SkipReason } from '../telemetry.js'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'
import type { ClientRules } from './client-rules.js'
import type { Incoming, IncomingToken } from './incoming.js'
import type { Sending } from './sending.js'
import { subjectOf } from './subject-of.js'
import { missingIncomingToken } from './unsent-requests.js'

export type RequestToken = ProvidedToken | IncomingToken

/**
 * Which token a request should carry: the one that `tokenRequest` chooses, of the service or on behalf of the caller, or the
 * incoming request's own.
 */
export class TokenChoice {
  readonly #rules: ClientRules
  readonly #incoming: Incoming
  #url: string | undefined
  #method = ''
  /** `false`: no token. `undefined`: not chosen yet. */
  #request: PreparedTokenRequest | false | undefined
  #problem: unknown

  constructor(rules: ClientRules) {
    this.#rules = rules
    this.#incoming = rules.incoming()
    this.#request = rules.defaultRequest
  }

  /** Why there can be no token: what `tokenRequest` threw, or nobody to request it on behalf of. */
  get problem(): unknown {
    if (this.#problem !== undefined || this.#rules.exchanging === undefined) return this.#problem
    return this.#incoming instanceof Object ? undefined : missingIncomingToken(this.#incoming)
  }

  /** Whether the current context serves the same incoming request, or none. */
  get belongsHere(): boolean {
    const here = this.#rules.incoming()
    return here === undefined || here === this.#incoming
  }

  /** Whether it was made for this URL and method. */
  isFor({ url, method }: Sending): boolean {
    if (this.#rules.defaultRequest !== undefined || url === undefined) return true
    return this.#url !== undefined && String(url) === this.#url && method === this.#method
  }

  /** Calls the option `tokenRequest`. */
  choose({ url, method }: Sending): void {
    if (this.#rules.defaultRequest !== undefined || url === undefined) return
    this.#url = String(url)
    this.#method = method
    this.#problem = undefined
    try {
      this.#request = this.#rules.choose(url, method)
    } catch (error) {
      this.#problem = error ?? new TypeError(`\`tokenRequest\` threw ${error}`)
    }
  }

  reasonToSkip(): SkipReason | undefined {
    if (this.#problem !== undefined) return undefined
    if (this.#request === false) return 'token-request'
    // Never fall back to our own token: that would escalate the caller's privileges.
    return this.#incoming === 'none' && this.#rules.exchanging === undefined ? 'no-incoming-token' : undefined
  }

  /** The token, if one is available without waiting. */
  take(): RequestToken | undefined {
    const { exchanging, provider } = this.#rules
    if (exchanging === undefined && this.#incoming instanceof Object) {
      // Its connection may need a client certificate, which must be read first.
      return provider.certificates?.isReady === false ? undefined : this.#incoming
    }
    const request = this.#wanted
    return request && provider.take(request)
  }

  acquire(signal: AbortSignal | undefined): Promise<RequestToken> {
    const { exchanging, provider } = this.#rules
    const incoming = this.#incoming
    if (exchanging !== undefined || !(incoming instanceof Object)) {
      return provider.acquire(this.#wanted as PreparedTokenRequest, signal)
    }
    return Promise.resolve(provider.certificates?.read()).then(() => incoming)
  }

  /** What is to be requested: for the service, or on behalf of the caller. */
  get #wanted(): PreparedTokenRequest | undefined {
    const request = this.#request || undefined
    const { exchanging } = this.#rules
    if (exchanging === undefined || request === undefined) return request
    return this.#incoming instanceof Object ? exchanging.onBehalfOf(request, subjectOf(this.#incoming)) : undefined
  }
}
