import type { ProvidedToken } from '../provider/provider-internals.js'
import type { SkipReason } from '../telemetry.js'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'
import type { ClientRules } from './client-rules.js'
import { type IncomingToken, incomingToken } from './incoming.js'
import type { Sending } from './sending.js'

export type RequestToken = ProvidedToken | IncomingToken

/** Which token a request should carry: the one that `tokenRequest` chooses, or the incoming request's own. */
export class TokenChoice {
  readonly #rules: ClientRules
  readonly #incoming: IncomingToken | 'none' | undefined
  #url: string | undefined
  #method = ''
  /** `false`: no token. `undefined`: not chosen yet. */
  #request: PreparedTokenRequest | false | undefined
  #problem: unknown

  constructor(rules: ClientRules) {
    this.#rules = rules
    this.#incoming = rules.forwardsIncoming ? incomingToken() : undefined
    this.#request = rules.defaultRequest
  }

  /** What `tokenRequest` threw. */
  get problem(): unknown {
    return this.#problem
  }

  /** Whether the current context serves the same incoming request, or none. */
  get belongsHere(): boolean {
    const here = this.#rules.forwardsIncoming ? incomingToken() : undefined
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
    return this.#incoming === 'none' ? 'no-incoming-token' : undefined
  }

  /** The token, if one is available without waiting. */
  take(): RequestToken | undefined {
    if (this.#incoming instanceof Object) return this.#incoming
    return this.#request ? this.#rules.provider.take(this.#request) : undefined
  }

  acquire(signal: AbortSignal | undefined): Promise<ProvidedToken> {
    return this.#rules.provider.acquire(this.#request as PreparedTokenRequest, signal)
  }
}
