import type { Credentials } from '../credentials/credentials.js'
import type { McaAuthOptions } from '../options.js'
import { type SharedTokens, sharedTokens } from '../shared-cache/shared-tokens.js'
import type { Telemetry } from '../telemetry.js'
import type { FailureMemory } from '../token-endpoint/failure-memory.js'
import { TokenFetcher } from '../token-endpoint/token-fetcher.js'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'
import { createTokenSource } from '../token-endpoint/token-source.js'
import { CachedToken, type TokenResponse } from './access-token.js'
import { defaultRefreshPolicy, type RefreshPolicy, tokenState } from './refresh-policy.js'

/** Where tokens come from: the shared cache, if there is one, and else the authorization server. */
export class TokenSupply {
  readonly #fetcher: TokenFetcher
  readonly #shared: SharedTokens | undefined
  readonly #telemetry: Telemetry
  readonly #timeoutMs: number
  readonly #refresh: Required<RefreshPolicy>
  readonly #jitter: number = 1 - Math.random() / 5

  constructor(options: McaAuthOptions, credentials: Credentials, failures: FailureMemory, telemetry: Telemetry) {
    const { timeoutMs = 10_000, refresh = {} } = options
    const source = createTokenSource(credentials, options.fetch)
    this.#fetcher = new TokenFetcher(source, credentials.secret, failures, telemetry)
    this.#shared = sharedTokens(options, credentials)
    this.#telemetry = telemetry
    this.#timeoutMs = timeoutMs
    this.#refresh = { ...defaultRefreshPolicy, ...definedFields(refresh) }
  }

  /** Another token than the one that is held, which may still serve. */
  async renew(request: PreparedTokenRequest, held: CachedToken | undefined): Promise<CachedToken> {
    const start = performance.now()
    let isAsked = false
    const ask = () => {
      isAsked = true
      return this.#fetcher.fetch(request, start + this.#timeoutMs)
    }
    const isWanted = (response: TokenResponse) => this.#isWanted(request, response, held)
    try {
      const deadline = start + this.#timeoutMs / 2
      const response = await (this.#shared ? this.#shared.obtain(request.key, isWanted, deadline, ask) : ask())
      const token = this.#tokenOf(request, response)
      this.#telemetry.refreshed(token, performance.now() - start, !isAsked)
      return token
    } catch (error) {
      this.#telemetry.failed(request, error, performance.now() - start)
      throw error
    }
  }

  /** A resource refused this token: nobody of the fleet is to use it again. */
  refuse(token: CachedToken): void {
    this.#shared?.refuse(token)
  }

  close(): void {
    this.#shared?.close()
    this.#fetcher.close()
  }

  /** While a token of our own still serves, only a fresher one is of use. */
  #isWanted(request: PreparedTokenRequest, response: TokenResponse, held: CachedToken | undefined): boolean {
    const token = this.#tokenOf(request, response)
    if (token.expiresAt !== response.issuedAt + response.lifetimeMs) return false // it is over
    const now = Date.now()
    const serves = held !== undefined && tokenState(held, now) !== 'expired'
    const state = tokenState(token, now)
    return serves ? state === 'fresh' : state !== 'expired'
  }

  #tokenOf({ key }: PreparedTokenRequest, response: TokenResponse): CachedToken {
    return new CachedToken(key, response, Date.now(), this.#refresh, this.#jitter)
  }
}

/** Without the fields that are `undefined`, which would override defaults in a spread. */
function definedFields<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}
