/** The kind of failure. Codes are stable; messages may change. */
export type McaAuthErrorCode =
  | 'MISSING_APPID_ERROR'
  | 'MISSING_CLIENTID_ERROR'
  | 'MISSING_SECRET_ERROR'
  | 'MISSING_SERVER_URL_ERROR'
  | 'INVALID_CREDENTIALS_SOURCE'
  | 'INSECURE_TRANSPORT'
  | 'DISCOVERY_INVALID'
  | 'MISSING_ORIGINS'
  | 'MISSING_INCOMING_TOKEN'
  | 'TOKEN_REQUEST_REFUSED'
  | 'TOKEN_REQUEST_THROTTLED'
  | 'TOKEN_REQUEST_FAILED'
  | 'TOKEN_RESPONSE_INVALID'

/** The optional fields of an {@link McaAuthError}. */
export interface McaAuthErrorDetails {
  /** A copy of the network error behind this one: names, messages and codes, without anything that was sent. */
  readonly cause?: unknown
  /** HTTP status of the token response. */
  readonly status?: number | undefined
  /** `error` of the token response (RFC 6749 §5.2), at most 100 characters. */
  readonly error?: string | undefined
  /** `error_description` of the token response (RFC 6749 §5.2), at most 500 characters. */
  readonly errorDescription?: string | undefined
  /** When the next token request may be made, in ms since the epoch. Until then callers get this error at once. */
  readonly retryAt?: number | undefined
}

/** Copies of core, and its ESM and CommonJS builds, recognise each other's errors by it. */
const brand = Symbol.for('mca-auth.error.1')

/**
 * Every error of mca-auth, except for invalid options, which throw a `TypeError` immediately.
 *
 * It never contains a token, a secret or a response body. `instanceof` recognises errors of other copies of this package.
 *
 * @example
 * ```ts
 * import { createTokenProvider, McaAuthError } from '@mca-auth/core'
 *
 * try {
 *   await createTokenProvider().getToken()
 * } catch (error) {
 *   if (error instanceof McaAuthError && error.code === 'TOKEN_REQUEST_THROTTLED') {
 *     console.warn(`no token before ${new Date(error.retryAt ?? 0).toISOString()}`)
 *   }
 * }
 * ```
 */
export class McaAuthError extends Error implements McaAuthErrorDetails {
  /** The kind of failure; stable, unlike the message. */
  readonly code: McaAuthErrorCode
  declare readonly status?: number
  declare readonly error?: string
  declare readonly errorDescription?: string
  declare readonly retryAt?: number

  constructor(code: McaAuthErrorCode, message: string, details: McaAuthErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    const fields = {
      status: details.status,
      error: bounded(details.error, 100),
      errorDescription: bounded(details.errorDescription, 500),
      retryAt: details.retryAt,
    }
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) Object.defineProperty(this, name, { value, enumerable: true })
    }
  }

  static {
    McaAuthError.prototype.name = 'McaAuthError'
    Object.defineProperty(McaAuthError.prototype, brand, { value: true })
    Object.defineProperty(McaAuthError, Symbol.hasInstance, { value: hasInstance })
  }
}

function hasInstance(this: unknown, value: unknown): boolean {
  const isOurs = (value as { readonly [brand]?: unknown } | null | undefined)?.[brand] === true
  // A class derived from this one has its own instances.
  return isOurs && (this === McaAuthError || Function.prototype[Symbol.hasInstance].call(this, value))
}

function bounded(text: string | undefined, length: number): string | undefined {
  return text === undefined || text.length <= length ? text : `${text.slice(0, length - 1)}…`
}

/** The error of a provider after `close()`. */
export function closedError(): McaAuthError {
  return new McaAuthError('TOKEN_REQUEST_FAILED', 'the token provider is closed')
}
