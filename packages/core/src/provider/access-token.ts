import type { RefreshPolicy } from './refresh-policy.js'
import { thresholds } from './refresh-policy.js'

/** An access token as the authorization server issued it. Its `accessToken` is not shown by `inspect` or JSON. */
export interface AccessToken {
  /** The token itself, without `Bearer`. */
  readonly accessToken: string
  /** Always `Bearer` (RFC 6750). */
  readonly tokenType: 'Bearer'
  /** When the token request was started, in ms since the epoch. */
  readonly issuedAt: number
  /** When the token ends, in ms since the epoch. */
  readonly expiresAt: number
  /** The scopes granted, space-separated, where the server names them (RFC 6749 §5.1). */
  readonly scope?: string | undefined
}

/** What a token response says, before a provider has judged its times. */
export interface TokenResponse {
  readonly accessToken: string
  readonly scope: string | undefined
  /** When the token request was started, in ms since the epoch. */
  readonly issuedAt: number
  /** Lifetime in ms, counted from `issuedAt`; zero or less is possible. */
  readonly lifetimeMs: number
}

/** A cached token: knows its own thresholds, keeps its header value ready, and shows neither to a logger. */
export class CachedToken implements AccessToken {
  readonly #header: string
  /** Key of the token request that it answers; unique within one provider. */
  readonly key: string
  readonly issuedAt: number
  readonly expiresAt: number
  readonly scope: string | undefined
  /** From here on a refresh runs behind the callers. */
  readonly staleAt: number
  /** From here on callers wait for the refresh. */
  readonly expiredAt: number

  constructor(key: string, response: TokenResponse, now: number, refresh: Required<RefreshPolicy>, jitter: number) {
    this.#header = `Bearer ${response.accessToken}`
    this.key = key
    this.scope = response.scope
    this.issuedAt = response.issuedAt
    const times = thresholds(response, now, refresh, jitter)
    this.expiresAt = times.expiresAt
    this.staleAt = times.staleAt
    this.expiredAt = times.expiredAt
  }

  /** `Bearer …`, ready for the wire. */
  get header(): string {
    return this.#header
  }

  get accessToken(): string {
    return this.#header.slice('Bearer '.length)
  }

  get tokenType(): 'Bearer' {
    return 'Bearer'
  }

  toJSON(): Record<string, unknown> {
    const { tokenType, issuedAt, expiresAt, scope } = this
    return { accessToken: '[redacted]', tokenType, issuedAt, expiresAt, scope }
  }

  toString(): string {
    return '[AccessToken: redacted]'
  }

  static {
    const inspectCustom = Symbol.for('nodejs.util.inspect.custom')
    Object.defineProperty(CachedToken.prototype, inspectCustom, { value: CachedToken.prototype.toJSON })
  }
}
