import type { McaAuthError } from '../error.js'
import type { TokenRequest } from '../token-endpoint/token-request.js'
import type { AccessToken } from './access-token.js'
import type { TokenState } from './refresh-policy.js'

/** Tokens for one set of credentials: cached, fetched once however many callers, renewed before they end. */
export interface TokenProvider {
  /**
   * A valid token. From the cache while fresh or stale; else all callers of one token request wait for one flight.
   * `signal` ends this caller's wait only.
   *
   * @throws McaAuthError `TOKEN_REQUEST_*` or `TOKEN_RESPONSE_INVALID`; `signal.reason` on abort.
   */
  getToken(request?: TokenRequest, init?: { readonly signal?: AbortSignal | undefined }): Promise<AccessToken>
  /** `Bearer …`, else as {@link TokenProvider.getToken}. */
  getAuthorizationHeader(request?: TokenRequest, init?: { readonly signal?: AbortSignal | undefined }): Promise<string>
  /** The header value while the token is fresh, at once; starts nothing. */
  peek(request?: TokenRequest): string | undefined
  /**
   * Says that a server refused this token. Does nothing unless it is the current one, so that many late refusals cost
   * one refresh. With a string (token or header value), `request` says which token request it answered.
   *
   * @returns whether the token was dropped.
   */
  invalidate(rejected: AccessToken | string, request?: TokenRequest): boolean
  /** How it is doing; holds no secrets. */
  health(): TokenProviderHealth
  /** Forgets tokens and failures. Flights go on. */
  clear(): void
  /** Ends flights and lets the process go; cached tokens still serve, nothing new is fetched. */
  close(): void
  [Symbol.asyncDispose](): Promise<void>
}

export interface TokenProviderHealth {
  readonly tokenEndpoint: string
  readonly cachedTokens: number
  /** Token requests in flight. */
  readonly flights: number
  /** The token of the default token request. */
  readonly token: { readonly state: TokenState; readonly expiresAt: number } | undefined
  /** What keeps the default token request from being made now. */
  readonly failure: McaAuthError | undefined
  readonly closed: boolean
}
