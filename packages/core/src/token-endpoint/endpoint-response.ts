import { McaAuthError, type McaAuthErrorCode } from '../error.js'
import { isTransient, type Reason, reasonIn } from './error-response.js'
import { FailedAttempt, type FailureKind } from './failed-attempt.js'
import { isTextual, printable } from './printable.js'
import { type BoundedBody, maxBodyBytes, readBounded } from './response-body.js'
import { retryAfter } from './retry-after.js'
import type { SecretMask } from './secret-mask.js'

const throttledMs = 30_000

export type Fields = Readonly<Record<string, unknown>>

/** A response of an authorization server that is neither throttled nor transient. */
export interface EndpointResponse {
  readonly status: number
  readonly headers: Headers
  /** Whether the response has an error code instead of a result. */
  readonly hasError: boolean
  /** The body, a JSON object. @throws FailedAttempt for any other body. */
  fields(): Fields
  /** @throws FailedAttempt, with the server's reason. */
  fail(kind: FailureKind, code: McaAuthErrorCode, what: string): never
}

/** How to read a response. */
export interface Expected {
  /** The endpoint, for messages. */
  readonly what: string
  readonly mask: SecretMask
  /** Whether a successful response without an error code contains the expected result. */
  readonly isResult: (fields: Fields) => boolean
  readonly invalidCode: 'TOKEN_RESPONSE_INVALID' | 'DISCOVERY_INVALID'
}

/**
 * Reads the response of an authorization server. The kind of failure depends on status and body, never on the content
 * type, which proxies and servers get wrong:
 * - Throttled: 429, and 503 with `Retry-After`. If that is not in the future, it counts as a transient failure.
 * - Transient: 408, 5xx, an error that says so, and HTML with a 2xx or 4xx: that is a proxy or an ingress whose server
 *   is still starting.
 *
 * @throws FailedAttempt for a throttled or transient response; anything else thrown is a network error.
 */
export async function readEndpointResponse(
  response: Response,
  { what, mask, isResult, invalidCode }: Expected,
): Promise<EndpointResponse> {
  const { status, headers } = response
  const body = await readBounded(response)
  const fields = parseObject(body)
  const isSuccess = status >= 200 && status < 300
  const isFine = isSuccess && fields !== undefined && isResult(fields) && !isTextual(fields.error)
  const reason = fields === undefined || isFine ? {} : masked(reasonIn(fields), mask)
  const fail = (kind: FailureKind, code: McaAuthErrorCode, happened: string, retryAt?: number): never => {
    const why = [reason.error, reason.errorDescription].filter((part) => part !== undefined).join(': ')
    const message = `${what} ${happened}${why && ` ${why.slice(0, 300)}`}`
    throw new FailedAttempt(kind, new McaAuthError(code, message, { status, ...reason, retryAt }))
  }
  const answered = `answered ${status}`

  const now = Date.now()
  const retryAt = retryAfter(headers.get('retry-after'), now) ?? (status === 429 ? now + throttledMs : undefined)
  if ((status === 429 || status === 503) && retryAt !== undefined) {
    if (retryAt > now) return fail('throttled', 'TOKEN_REQUEST_THROTTLED', answered, retryAt)
    return fail('transient', 'TOKEN_REQUEST_THROTTLED', answered)
  }
  if (status === 408 || status >= 500) return fail('transient', 'TOKEN_REQUEST_FAILED', answered)
  if (isMarkup(body) && (isSuccess || status >= 400)) {
    const code = isSuccess ? invalidCode : 'TOKEN_REQUEST_FAILED'
    return fail('transient', code, `${answered} with HTML, as a proxy does`)
  }
  const hasError = reason.error !== undefined && (isSuccess || status >= 400)
  if (hasError && isTransient(reason)) return fail('transient', 'TOKEN_REQUEST_FAILED', answered)
  return {
    status,
    headers,
    hasError,
    fields: () => {
      if (!body.isWhole) fail('bad', invalidCode, `${answered} with more than ${maxBodyBytes} bytes`)
      return fields ?? fail('bad', invalidCode, `${answered} with no JSON object`)
    },
    fail,
  }
}

/**
 * A text of the server, safe for a log, without the secrets that we have sent. Registered codes are not changed, since a
 * caller may be named `grant` or `access`, and decisions depend on the code.
 */
function masked({ error, errorDescription }: Reason, mask: SecretMask): Reason {
  const clean = (text: string | undefined) => (text === undefined ? undefined : printable(mask.mask(text)))
  const isCode = error !== undefined && registeredCodes.has(error)
  return { error: isCode ? error : clean(error), errorDescription: clean(errorDescription) }
}

/** RFC 6749 §4.1.2.1 and §5.2, RFC 8628 §3.5, RFC 8693 §2.2.2, RFC 8707 §2, RFC 9396 §5, RFC 9449 §5, and OpenID Connect Core §3.1.2.6. */
const registeredCodes = new Set([
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type'],
  ...['invalid_scope', 'invalid_target', 'invalid_authorization_details', 'access_denied', 'server_error'],
  ...['temporarily_unavailable', 'slow_down', 'use_dpop_nonce', 'invalid_dpop_proof'],
  ...['interaction_required', 'login_required', 'consent_required', 'account_selection_required'],
])

function parseObject(body: BoundedBody): Fields | undefined {
  try {
    const json: unknown = JSON.parse(body.isWhole ? body.text : '')
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Fields) : undefined
  } catch {
    return undefined
  }
}

/** HTML or XML, whatever its label. */
function isMarkup({ text }: BoundedBody): boolean {
  return /^\s*</.test(text)
}
