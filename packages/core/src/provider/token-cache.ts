import { LRUCache } from 'lru-cache'
import { closedError } from '../error.js'
import type { Telemetry } from '../telemetry.js'
import type { CoolDowns } from '../token-endpoint/cool-downs.js'
import { type PreparedTokenRequest, PreparedTokenRequests, type TokenRequest } from '../token-endpoint/token-request.js'
import type { CachedToken } from './access-token.js'
import type { CertificateReader } from './certificate-reader.js'
import { Flight } from './flight.js'
import type { AuthorizationOptionsAsGiven, ExchangingProvider, ProviderInternals } from './provider-internals.js'
import type { TokenRefresher } from './token-refresher.js'

/** The parts of a cache. */
export interface TokenCacheParts {
  readonly rules: AuthorizationOptionsAsGiven
  readonly tokenRequest: TokenRequest
  readonly cacheSize: number
  /** Called by the first token request. */
  readonly refresher: () => Promise<TokenRefresher>
  readonly coolDowns: CoolDowns
  readonly telemetry: Telemetry
  /** Called when the first client is to exchange tokens. */
  readonly exchanging?: () => ExchangingProvider | undefined
  readonly certificates?: CertificateReader | undefined
}

/** The tokens of one provider, with one flight for each token that is being requested. */
export class TokenCache implements ProviderInternals {
  readonly rules: AuthorizationOptionsAsGiven
  readonly certificates: CertificateReader | undefined
  readonly #requests: PreparedTokenRequests
  readonly #loadRefresher: () => Promise<TokenRefresher>
  /** Set by the first token request. */
  #refresher: TokenRefresher | undefined
  readonly #coolDowns: CoolDowns
  readonly #telemetry: Telemetry
  /** Bounded; a token's own times decide whether it is still usable. */
  readonly #tokens: LRUCache<string, CachedToken>
  /** The last token returned is already the most recent LRU entry, so returning it again skips the lookup. */
  #last: CachedToken | undefined
  /** At most one per key. Apart from the LRU, so that eviction never touches a flight. */
  readonly #flights = new Map<string, Flight<CachedToken>>()
  readonly #exchanging: TokenCacheParts['exchanging']
  #closed = false

  constructor(parts: TokenCacheParts) {
    const { rules, tokenRequest, cacheSize, refresher, coolDowns, telemetry, certificates, exchanging } = parts
    this.rules = rules
    this.certificates = certificates
    this.#requests = new PreparedTokenRequests(tokenRequest, cacheSize)
    this.#tokens = new LRUCache({ max: cacheSize })
    this.#loadRefresher = refresher
    this.#coolDowns = coolDowns
    this.#telemetry = telemetry
    this.#exchanging = exchanging
  }

  get exchanging(): ExchangingProvider | undefined {
    return this.#exchanging?.()
  }

  get size(): number {
    return this.#tokens.size
  }

  get flights(): number {
    return this.#flights.size
  }

  get closed(): boolean {
    return this.#closed
  }

  prepare(request?: TokenRequest): PreparedTokenRequest {
    return this.#requests.get(request)
  }

  take(request: PreparedTokenRequest): CachedToken | undefined {
    if (this.#last?.key !== request.key) this.#last = this.#tokens.get(request.key)
    const token = this.#last
    if (token === undefined) return undefined
    const now = Date.now()
    const state = token.state(now)
    if (state === 'fresh') return token
    if (state === 'expired') return undefined
    this.#telemetry.stale(token)
    if (!this.#closed && this.#coolDowns.blocking(request.key, now) === undefined) this.#fly(request)
    return token
  }

  acquire(request: PreparedTokenRequest, signal: AbortSignal | undefined): Promise<CachedToken> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const token = this.take(request)
    return token ? Promise.resolve(token) : this.#fly(request).wait(signal)
  }

  isCurrent(token: CachedToken): boolean {
    return this.#tokens.peek(token.key) === token
  }

  reject(token: CachedToken, origin: string): void {
    if (this.drop(token)) this.#telemetry.rejected(token, origin)
  }

  /** The token of this key, whatever its state. Does not count as a use. */
  peek(key: string): CachedToken | undefined {
    return this.#tokens.peek(key)
  }

  /** Drops the token if it is current, here and in the shared cache. Returns whether it was. */
  drop(token: CachedToken): boolean {
    if (!this.isCurrent(token)) return false
    this.#tokens.delete(token.key)
    this.#last = undefined
    this.#refresher?.reject(token)
    return true
  }

  /** Drops every token with this string: servers may issue one string for several token requests. */
  dropByText(accessToken: string): boolean {
    const rejected = [...this.#tokens.values()].filter((token) => token.accessToken === accessToken)
    for (const token of rejected) this.drop(token)
    return rejected.length > 0
  }

  clear(): void {
    this.#tokens.clear()
    this.#last = undefined
    this.#coolDowns.clear()
  }

  /** Settles all flights at once, even if their work still waits. */
  close(): void {
    this.#closed = true
    this.#refresher?.close()
    for (const [key, flight] of this.#flights) {
      const held = this.#held(key)
      if (held !== undefined) flight.resolve(held)
      else flight.reject(closedError())
    }
  }

  /** Joins the flight for this key, or starts it. */
  #fly(request: PreparedTokenRequest): Flight<CachedToken> {
    const { key } = request
    const pending = this.#flights.get(key)
    if (pending !== undefined) return pending
    const flight = new Flight<CachedToken>(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    flight.start(() => this.#refresh(request))
    return flight
  }

  async #refresh(request: PreparedTokenRequest): Promise<CachedToken> {
    try {
      if (!this.#closed) this.#refresher ??= await this.#loadRefresher()
      // It may have been closed meanwhile.
      if (this.#closed || this.#refresher === undefined) throw closedError()
      const token = await this.#refresher.refresh(request, this.#tokens.peek(request.key))
      this.#tokens.set(request.key, token)
      this.#last = undefined
      return token
    } catch (error) {
      const held = this.#held(request.key)
      if (held !== undefined) return held
      throw error
    }
  }

  /** A token in its last seconds is better than an error. */
  #held(key: string): CachedToken | undefined {
    const token = this.#tokens.peek(key)
    return token !== undefined && !token.isOrphaned && Date.now() < token.expiresAt ? token : undefined
  }
}
