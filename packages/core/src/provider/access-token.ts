import type { ConnectionCertificate } from '../credentials/credential-part.js'
import type { TokenResponse, TokenType } from '../token-endpoint/token-response.js'
import type { TokenBinding } from './provider-internals.js'
import { type ResolvedRefreshPolicy, type TokenState, thresholds, tokenState } from './refresh-policy.js'

/** An access token as the authorization server issued it. Its `accessToken` is not shown by `inspect` or JSON. */
export interface AccessToken {
  /** The token itself, without its type. */
  readonly accessToken: string
  /** `Bearer` (RFC 6750); with the option `dpop`, `DPoP` (RFC 9449), useless without a proof for each request. */
  readonly tokenType: TokenType
  /** When the token request was started, in ms since the epoch. */
  readonly issuedAt: number
  /** When the token expires, in ms since the epoch. */
  readonly expiresAt: number
  /** The scopes granted, space-separated, if the server names them (RFC 6749 §5.1). */
  readonly scope?: string | undefined
}

/** A cached token with precomputed thresholds and header value; redacted when logged. */
export class CachedToken implements AccessToken {
  readonly #header: string
  /** Key of its token request; unique within one provider. */
  readonly key: string
  readonly issuedAt: number
  readonly expiresAt: number
  readonly scope: string | undefined
  /** From here on it is refreshed in the background. */
  readonly staleAt: number
  /** From here on callers wait for the refresh. */
  readonly expiredAt: number
  /** The client certificate for the connections of its requests. */
  readonly certificate: ConnectionCertificate | undefined

  constructor(
    key: string,
    response: TokenResponse,
    now: number,
    refresh: ResolvedRefreshPolicy,
    jitter: number,
    certificate?: ConnectionCertificate,
    type: TokenType = 'Bearer',
  ) {
    this.#header = `${type} ${response.accessToken}`
    this.key = key
    this.scope = response.scope
    this.issuedAt = response.issuedAt
    const times = thresholds(response, now, refresh, jitter)
    this.expiresAt = times.expiresAt
    this.staleAt = times.staleAt
    this.expiredAt = times.expiredAt
    this.certificate = certificate
  }

  /** Whether the certificate that it is bound to has been replaced or has expired: no resource would accept it. */
  get isOrphaned(): boolean {
    return this.certificate !== undefined && !this.certificate.isCurrent
  }

  state(now: number): TokenState {
    return this.isOrphaned ? 'expired' : tokenState(this, now)
  }

  /** `Bearer …` or `DPoP …`, ready for the wire. */
  get header(): string {
    return this.#header
  }

  get accessToken(): string {
    return this.#header.slice(this.#header.indexOf(' ') + 1)
  }

  get tokenType(): TokenType {
    return this.#header.startsWith('D') ? 'DPoP' : 'Bearer'
  }

  /** Proves the possession of its key, if it is bound to one. */
  get binding(): TokenBinding | undefined {
    return undefined
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
