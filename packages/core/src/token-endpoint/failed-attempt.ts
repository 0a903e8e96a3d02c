import { functionFailure } from '../credentials/user-function.js'
import { McaAuthError, type McaAuthErrorDetails } from '../error.js'

/**
 * The kind of a failed token request decides how it is handled:
 * - `denied`: the server responded with an OAuth error, and would do so again.
 * - `throttled`: the server says when to try again.
 * - `transient`: worth a retry.
 * - `bad`: not a response of a token endpoint, or an unusable secret. Not worth a retry now.
 * - `unreadable`: a credential cannot be read, or has expired. No request was sent.
 */
export type FailureKind = 'denied' | 'throttled' | 'transient' | 'bad' | 'unreadable'

/** One attempt of a token request has failed. Internal: callers get its `error`. */
export class FailedAttempt extends Error {
  readonly kind: FailureKind
  readonly error: McaAuthError

  constructor(kind: FailureKind, error: McaAuthError) {
    super(error.message)
    this.kind = kind
    this.error = error
  }
}

/**
 * The failure for an error that was thrown while the credentials were read or written. The error of a user's function is
 * not kept: a vault client's error may contain credentials. `undefined` for any other error.
 */
export function failedCredentials(error: unknown): FailedAttempt | undefined {
  const failure = functionFailure(error)
  if (failure === undefined) {
    if (!(error instanceof McaAuthError)) return undefined
    return new FailedAttempt(error.code === 'INVALID_CREDENTIALS_SOURCE' ? 'unreadable' : 'bad', error)
  }
  // Our own error, e.g. about a loop, gives the reason without a secret. It has already been retried.
  const own = ownErrorIn(failure.thrown)
  const what = `the \`${failure.option}\` function failed: ${own?.message ?? nameOf(failure.thrown)}`
  return new FailedAttempt(own === undefined ? 'transient' : 'bad', new McaAuthError('TOKEN_REQUEST_FAILED', what))
}

/** The McaAuthError that another client has wrapped, if there is one. */
export function ownErrorIn(error: unknown, depth = 0): McaAuthError | undefined {
  if (error instanceof McaAuthError) return error
  if (typeof error !== 'object' || error === null || depth > 8) return undefined
  try {
    return ownErrorIn((error as { cause?: unknown }).cause, depth + 1)
  } catch {
    return undefined // a getter that throws
  }
}

/** The same error with another message. */
export function withMessage(error: McaAuthError, message: string, more: McaAuthErrorDetails = {}): McaAuthError {
  const { status, error: code, errorDescription, retryAt, cause } = error
  return new McaAuthError(error.code, message, { status, error: code, errorDescription, retryAt, cause, ...more })
}

function nameOf(error: unknown): string {
  const { name, code } = (typeof error === 'object' && error !== null ? error : {}) as {
    name?: unknown
    code?: unknown
  }
  return (
    [code, name].find((text) => typeof text === 'string' && /^[\w.-]{1,60}$/.test(text))?.toString() ?? 'unknown error'
  )
}
