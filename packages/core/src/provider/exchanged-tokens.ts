import type { SubjectToken } from '../credentials/subject-token.js'
import { McaAuthError } from '../error.js'
import type { CoolDowns } from '../token-endpoint/cool-downs.js'
import { onBehalfOf, type PreparedTokenRequest, type TokenRequest } from '../token-endpoint/token-request.js'
import type { CachedToken } from './access-token.js'
import type { AuthorizationOptionsAsGiven, ExchangingProvider } from './provider-internals.js'
import type { SubjectLifetime } from './subject-lifetime.js'
import type { TokenCache } from './token-cache.js'

/**
 * The tokens that one provider requests on behalf of the callers of its service, apart from the service's own: many callers
 * never evict the latter, and a failure of a caller's token request does not count as a failure of the service's.
 */
export class ExchangedTokens implements ExchangingProvider {
  /** Also kept so that the provider stays registered for as long as this is in use. */
  readonly #own: TokenCache
  readonly #tokens: TokenCache
  readonly #coolDowns: CoolDowns
  readonly #lifetime: SubjectLifetime

  constructor(own: TokenCache, tokens: TokenCache, coolDowns: CoolDowns, lifetime: SubjectLifetime) {
    this.#own = own
    this.#tokens = tokens
    this.#coolDowns = coolDowns
    this.#lifetime = lifetime
  }

  get size(): number {
    return this.#tokens.size
  }

  get flights(): number {
    return this.#tokens.flights
  }

  get rules(): AuthorizationOptionsAsGiven {
    return this.#own.rules
  }

  prepare(request?: TokenRequest): PreparedTokenRequest {
    return this.#own.prepare(request)
  }

  onBehalfOf(request: PreparedTokenRequest, subject: SubjectToken): PreparedTokenRequest {
    return onBehalfOf(request, subject)
  }

  take(request: PreparedTokenRequest): CachedToken | undefined {
    return this.#hasEnded(request) ? undefined : this.#tokens.take(request)
  }

  acquire(request: PreparedTokenRequest, signal: AbortSignal | undefined): Promise<CachedToken> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return this.#hasEnded(request) ? Promise.reject(expired()) : this.#tokens.acquire(request, signal)
  }

  isCurrent(token: CachedToken): boolean {
    return this.#tokens.isCurrent(token)
  }

  reject(token: CachedToken, origin: string): void {
    this.#tokens.reject(token, origin)
  }

  /** The error that every caller gets now, if any. The error of a single caller must not be shown to others. */
  failure(now: number): McaAuthError | undefined {
    return this.#coolDowns.blockingAll(now)
  }

  drop(token: CachedToken): boolean {
    return this.#tokens.drop(token)
  }

  dropByText(accessToken: string): boolean {
    return this.#tokens.dropByText(accessToken)
  }

  clear(): void {
    this.#tokens.clear()
  }

  close(): void {
    this.#tokens.close()
  }

  #hasEnded({ subject }: PreparedTokenRequest): boolean {
    // Never without a subject: the token would be the service's own.
    if (subject === undefined) throw new TypeError('there is no caller to request a token for')
    return this.#lifetime.hasEnded(subject)
  }
}

function expired(): McaAuthError {
  return new McaAuthError(
    'MISSING_INCOMING_TOKEN',
    "the incoming request's token has expired: respond with 401, so that the caller gets a new one",
  )
}
