import { LRUCache } from 'lru-cache'
import { RefusalBudget } from '../authorization/refusal-budget.js'
import { resolveCredentials } from '../credentials/credentials.js'
import { checkOptions, type McaAuthOptions } from '../options.js'
import { Telemetry } from '../telemetry.js'
import { FailureMemory } from '../token-endpoint/failure-memory.js'
import { registerTokenEndpoint } from '../token-endpoint/token-endpoints.js'
import { type PreparedTokenRequest, PreparedTokenRequests, type TokenRequest } from '../token-endpoint/token-request.js'
import { type AccessToken, CachedToken } from './access-token.js'
import { Flight } from './flight.js'
import { tokenState } from './refresh-policy.js'
import type { TokenProvider, TokenProviderHealth } from './token-provider.js'
import { TokenSupply } from './token-supply.js'

// A provider that is collected without having been closed gives its token endpoint free as well.
const unregister = new FinalizationRegistry<() => void>((free) => free())

/** The provider, with what core's own adapters need beside the public interface. */
export class CachingTokenProvider implements TokenProvider {
  /** Where its tokens may go: the same for every client that it serves. */
  readonly rules: Pick<McaAuthOptions, 'origins' | 'tokenRequest' | 'allowInsecureRequests' | 'incoming'>
  readonly #requests: PreparedTokenRequests
  readonly #endpoint: URL
  readonly #freeEndpoint: () => void
  readonly #supply: TokenSupply
  readonly #telemetry: Telemetry
  readonly #failures: FailureMemory
  readonly #refusals = new RefusalBudget()
  /** Bounded; whether a token is still good is judged by its own times. */
  readonly #tokens: LRUCache<string, CachedToken>
  /** What was taken last is the most recent there already: taking it again needs no look-up. */
  #last: CachedToken | undefined
  /** At most one per key. Apart from the LRU, so that eviction never touches a flight. */
  readonly #flights = new Map<string, Flight<CachedToken>>()
  #closed = false

  constructor(options: McaAuthOptions) {
    checkOptions(options)
    const { origins, tokenRequest, allowInsecureRequests, incoming, scope, resource, parameters } = options
    this.rules = { origins, tokenRequest, allowInsecureRequests, incoming }
    const { cacheSize = 100 } = options
    this.#requests = new PreparedTokenRequests({ scope, resource, parameters }, cacheSize)
    const credentials = resolveCredentials(options)
    this.#tokens = new LRUCache({ max: cacheSize })
    this.#failures = new FailureMemory(cacheSize)
    this.#telemetry = new Telemetry(credentials)
    this.#supply = new TokenSupply(options, credentials, this.#failures, this.#telemetry)
    this.#endpoint = credentials.tokenEndpoint
    this.#freeEndpoint = registerTokenEndpoint(this.#endpoint)
    unregister.register(this, this.#freeEndpoint, this)
  }

  prepare(request?: TokenRequest): PreparedTokenRequest {
    return this.#requests.get(request)
  }

  /** The hot path: the token while fresh or stale. A stale one is being renewed behind the caller. */
  take(request: PreparedTokenRequest): CachedToken | undefined {
    if (this.#last?.key !== request.key) this.#last = this.#tokens.get(request.key)
    const token = this.#last
    if (token === undefined) return undefined
    const now = Date.now()
    const state = tokenState(token, now)
    if (state === 'fresh') return token
    if (state === 'expired') return undefined
    this.#telemetry.stale(token)
    if (!this.#closed && this.#failures.blocking(request.key, now) === undefined) this.#fly(request)
    return token
  }

  /** The token, after a wait where there is none to serve. */
  acquire(request: PreparedTokenRequest, signal: AbortSignal | undefined): Promise<CachedToken> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const token = this.take(request)
    return token ? Promise.resolve(token) : this.#fly(request).wait(signal)
  }

  /** After a 401: drops the token if it is the current one and the budget allows. False: it stays, the 401 passes. */
  refuse(token: CachedToken, origin: string): boolean {
    if (this.#tokens.peek(token.key) !== token) return true
    if (!this.#refusals.take(token.key, origin)) return false
    this.#drop(token)
    this.#telemetry.refused(token, origin)
    return true
  }

  /** A replay with a token got after a 401 was accepted. */
  accepted(token: CachedToken, origin: string): void {
    this.#refusals.giveBack(token.key, origin)
  }

  async getToken(request?: TokenRequest, init: { signal?: AbortSignal | undefined } = {}): Promise<AccessToken> {
    return this.acquire(this.prepare(request), init.signal)
  }

  async getAuthorizationHeader(
    request?: TokenRequest,
    init: { signal?: AbortSignal | undefined } = {},
  ): Promise<string> {
    const prepared = this.prepare(request)
    const token = init.signal?.aborted ? undefined : this.take(prepared)
    return token !== undefined ? token.header : (await this.acquire(prepared, init.signal)).header
  }

  peek(request?: TokenRequest): string | undefined {
    const token = this.#tokens.peek(this.prepare(request).key)
    return token && tokenState(token, Date.now()) === 'fresh' ? token.header : undefined
  }

  invalidate(rejected: AccessToken | string, request?: TokenRequest): boolean {
    if (typeof rejected !== 'string' && !(rejected instanceof CachedToken)) {
      throw new TypeError('`rejected` must be an AccessToken that this provider gave, or a string')
    }
    const key = typeof rejected === 'string' ? this.prepare(request).key : rejected.key
    const current = this.#tokens.peek(key)
    if (current === undefined) return false
    // Servers reissue the same string: an object is compared as the object, a string as the string.
    const same = typeof rejected === 'string' ? current.accessToken === bare(rejected) : current === rejected
    if (same) this.#drop(current)
    return same
  }

  health(): TokenProviderHealth {
    const now = Date.now()
    const token = this.#tokens.peek(this.#requests.standard.key)
    return {
      tokenEndpoint: `${this.#endpoint.origin}${this.#endpoint.pathname}`,
      cachedTokens: this.#tokens.size,
      flights: this.#flights.size,
      token: token && { state: tokenState(token, now), expiresAt: token.expiresAt },
      failure: this.#failures.blocking(this.#requests.standard.key, now),
      closed: this.#closed,
    }
  }

  clear(): void {
    this.#tokens.clear()
    this.#last = undefined
    this.#failures.clear()
  }

  close(): void {
    this.#closed = true
    this.#freeEndpoint()
    unregister.unregister(this)
    this.#supply.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /** Joins the flight for this key, or starts it. */
  #fly(request: PreparedTokenRequest): Flight<CachedToken> {
    const { key } = request
    const going = this.#flights.get(key)
    if (going !== undefined) return going
    const flight = new Flight(
      this.#renew(request).finally(() => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
      }),
    )
    this.#flights.set(key, flight)
    return flight
  }

  #drop(token: CachedToken): void {
    this.#tokens.delete(token.key)
    this.#last = undefined
    this.#supply.refuse(token)
  }

  async #renew(request: PreparedTokenRequest): Promise<CachedToken> {
    try {
      const token = await this.#supply.renew(request, this.#tokens.peek(request.key))
      this.#tokens.set(request.key, token)
      this.#last = undefined
      return token
    } catch (error) {
      // A token in its last seconds is better than an error.
      const held = this.#tokens.peek(request.key)
      if (held !== undefined && Date.now() < held.expiresAt) return held
      throw error
    }
  }
}

function bare(tokenOrHeader: string): string {
  return tokenOrHeader.replace(/^Bearer /i, '')
}
