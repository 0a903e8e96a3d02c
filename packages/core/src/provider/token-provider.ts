import type { McaAuthError } from '../error.js'
import type { TokenRequest } from '../token-endpoint/token-request.js'
import type { AccessToken } from './access-token.js'
import type { TokenState } from './refresh-policy.js'

/** Which token, and how long to wait for it. All fields are optional. */
export interface GetTokenOptions extends TokenRequest {
  /** Ends only this caller's wait; the token request continues for others. */
  readonly signal?: AbortSignal | undefined
}

/** The request that headers are for, and the token that it should carry. */
export interface HeadersForOptions extends GetTokenOptions {
  /** Absolute. */
  readonly url: string | URL
  /** @default 'GET' */
  readonly method?: string | undefined
  /** The `DPoP-Nonce` of the last response from this origin, if it had one: kept for later requests. */
  readonly nonce?: string | undefined
}

/** The headers of one request. */
export interface RequestHeaders {
  /** `Bearer …`, or `DPoP …`. */
  readonly authorization: string
  /** With the option `dpop`: the proof, for this request only, and to be sent only once (RFC 9449 §4.2). */
  readonly dpop?: string
}

/**
 * Anything that provides access tokens: the result of `createTokenProvider()`, a stub in a test, a wrapper around another
 * vendor's credential. It is called for each request, and should cache.
 *
 * @example
 * ```ts
 * import type { TokenProvider } from '@mca-auth/core'
 *
 * const stub: TokenProvider = {
 *   getToken: async () => ({ accessToken: 'fake-token', expiresAt: Date.now() + 3600_000 }),
 * }
 * ```
 */
export interface TokenProvider {
  /** A valid token. `expiresAt` is in ms since the epoch; `tokenType` is `Bearer` if it is left out. */
  getToken(options?: GetTokenOptions): Promise<{
    readonly accessToken: string
    readonly expiresAt: number
    readonly tokenType?: string | undefined
  }>
  /** Reports that a server rejected this token, so that it is not returned again. May be called late, or twice. */
  invalidate?(accessToken: string): unknown
}

/**
 * Provides access tokens for one set of credentials. Tokens are cached, concurrent callers share one token request, and
 * tokens are refreshed before they expire.
 */
export interface CachingTokenProvider extends TokenProvider {
  /**
   * Returns a valid token: the cached one while it is fresh or stale, otherwise a new one.
   *
   * @throws McaAuthError `TOKEN_REQUEST_*` or `TOKEN_RESPONSE_INVALID`; TypeError for bad options; `signal.reason` on
   *   abort. All as a rejection.
   */
  getToken(options?: GetTokenOptions): Promise<AccessToken>
  /**
   * The header value `Bearer …`; otherwise like {@link CachingTokenProvider.getToken}.
   *
   * @throws TypeError with the option `dpop`, as a rejection: a header alone is then useless.
   */
  getAuthorizationHeader(options?: GetTokenOptions): Promise<string>
  /**
   * The headers of one request, for a client that has no adapter: with the option `dpop` also the proof, which must be
   * new for each sending, each redirect and each retry. Otherwise like {@link CachingTokenProvider.getToken}.
   *
   * @example
   * ```ts
   * import { createTokenProvider } from '@mca-auth/core'
   *
   * const provider = createTokenProvider({ dpop: true })
   * const url = 'https://orders.example.com/orders'
   * const headers = await provider.headersFor({ url, method: 'POST' })
   * await fetch(url, { method: 'POST', headers: { ...headers } })
   * ```
   */
  headersFor(request: HeadersForOptions): Promise<RequestHeaders>
  /**
   * The header value while the token is fresh or stale, or `undefined`. Synchronous; starts nothing.
   *
   * @throws TypeError with the option `dpop`.
   */
  peek(request?: TokenRequest): string | undefined
  /**
   * Reports that a server rejected this token: the token object, its `accessToken`, or the header value. Ignored unless
   * the token is still cached, so that many late rejections trigger only one refresh.
   *
   * @returns whether the token was dropped.
   */
  invalidate(token: AccessToken | string): boolean
  /** A snapshot for health checks. Contains no secrets. */
  health(): TokenProviderHealth
  /** Forgets tokens and failures. Pending token requests continue. */
  clear(): void
  /** Aborts pending token requests so that the process can exit. Cached tokens remain usable; no new ones are requested. */
  close(): void
  /** The same as `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A snapshot of a provider. */
export interface TokenProviderHealth {
  /** Origin and path of the token endpoint; of the issuer until the endpoint is known; `source` for a function. */
  readonly tokenEndpoint: string
  /** Tokens in the cache, without those on behalf of callers. */
  readonly cachedTokens: number
  /** Cached tokens on behalf of callers. */
  readonly exchangedTokens: number
  /** Pending token requests. */
  readonly flights: number
  /** The token of the default token request. */
  readonly token: { readonly state: TokenState; readonly expiresAt: number } | undefined
  /** The remembered error, if token requests are currently suspended: of the service itself, or of all its callers. */
  readonly failure: McaAuthError | undefined
  /** Whether `close()` has been called. */
  readonly closed: boolean
}
