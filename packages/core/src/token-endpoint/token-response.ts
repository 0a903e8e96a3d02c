import { McaAuthError, type McaAuthErrorCode } from '../error.js'
import { isTransient, type Reason, reasonIn } from './error-response.js'
import { FailedAttempt, type FailureKind } from './failed-attempt.js'
import { isTextual, printable } from './printable.js'
import { type BoundedBody, maxBodyBytes, readBounded } from './response-body.js'
import { httpDate, retryAfter } from './retry-after.js'
import type { SecretMask } from './secret-mask.js'
import { fitsHeader } from './token-syntax.js'

const unknownLifetimeMs = 5 * 60_000
const throttledMs = 30_000
/** The largest count of seconds that 32 bits hold, so that `1e99` is a long lifetime and not an overflow. */
const maxLifetimeMs = (2 ** 31 - 1) * 1000

/** A token as the token endpoint issued it. */
export interface TokenResponse {
  readonly accessToken: string
  readonly scope: string | undefined
  /** When the token request was started, in ms since the epoch. */
  readonly issuedAt: number
  /** Lifetime in ms, counted from `issuedAt`; zero or less is possible. */
  readonly lifetimeMs: number
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads the response of a token endpoint (RFC 6749 §5).
 *
 * What a failure is depends on status and body, never on the content type, which proxies and servers get wrong:
 * - Throttled: 429, and 503 with `Retry-After`. If that names no future instant, it is as good as a transient failure.
 * - Transient: 408, 5xx, an error that says so, and HTML with a 2xx or 4xx: that is a proxy or an ingress whose server
 *   is still starting.
 * - Denied: any other error code, with a 4xx or in place of a token; and 401 and 403 in any case.
 * - Bad: everything else without a usable token.
 *
 * @throws FailedAttempt for a response without a usable token; anything else thrown is a network error.
 */
export async function readTokenResponse(
  response: Response,
  issuedAt: number,
  endpoint: URL,
  mask: SecretMask,
): Promise<TokenResponse> {
  const { status } = response
  const body = await readBounded(response)
  const fields = parseObject(body)
  const isSuccess = status >= 200 && status < 300
  const hasToken = isSuccess && fields?.access_token !== undefined && !isTextual(fields.error)
  const reason = fields === undefined || hasToken ? {} : masked(reasonIn(fields), mask)
  const fail = (kind: FailureKind, code: McaAuthErrorCode, what: string, retryAt?: number): never => {
    const why = [reason.error, reason.errorDescription].filter((part) => part !== undefined).join(': ')
    const message = `the token endpoint on ${endpoint.origin} ${what}${why && ` ${why.slice(0, 300)}`}`
    throw new FailedAttempt(kind, new McaAuthError(code, message, { status, ...reason, retryAt }))
  }
  const answered = `answered ${status}`

  const now = Date.now()
  const retryAt =
    retryAfter(response.headers.get('retry-after'), now) ?? (status === 429 ? now + throttledMs : undefined)
  if ((status === 429 || status === 503) && retryAt !== undefined) {
    if (retryAt > now) return fail('throttled', 'TOKEN_REQUEST_THROTTLED', answered, retryAt)
    return fail('transient', 'TOKEN_REQUEST_THROTTLED', answered)
  }
  if (status === 408 || status >= 500) return fail('transient', 'TOKEN_REQUEST_FAILED', answered)
  if (isMarkup(body) && (isSuccess || status >= 400)) {
    const code = isSuccess ? 'TOKEN_RESPONSE_INVALID' : 'TOKEN_REQUEST_FAILED'
    return fail('transient', code, `${answered} with HTML, as a proxy does`)
  }
  const hasError = reason.error !== undefined && (isSuccess || status >= 400)
  if (hasError && isTransient(reason)) return fail('transient', 'TOKEN_REQUEST_FAILED', answered)
  if (hasError || status === 401 || status === 403) {
    return fail('denied', 'TOKEN_REQUEST_REFUSED', `denied the request: ${status}`)
  }
  const invalid = (what: string) => fail('bad', 'TOKEN_RESPONSE_INVALID', `${answered}${what}`)
  if (status !== 200 && status !== 201) return invalid(', not with a token')
  if (!body.isWhole) return invalid(` with more than ${maxBodyBytes} bytes`)
  if (fields === undefined) return invalid(' with no JSON object')
  if (!isBearerToken(fields)) return invalid(' with no usable bearer token')
  const lifetimeMs = lifetime(fields, response.headers.get('date'))
  if (lifetimeMs === undefined) return invalid(' with an unreadable expires_in')
  const scope = typeof fields.scope === 'string' ? fields.scope : undefined
  return { accessToken: fields.access_token, scope, issuedAt, lifetimeMs }
}

/** What the server says, fit for a log, without the secrets that we have sent. */
function masked({ error, errorDescription }: Reason, mask: SecretMask): Reason {
  const clean = (text: string | undefined) => (text === undefined ? undefined : printable(mask.mask(text)))
  return { error: clean(error), errorDescription: clean(errorDescription) }
}

function parseObject(body: BoundedBody): Fields | undefined {
  try {
    const json: unknown = JSON.parse(body.isWhole ? body.text : '')
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Fields) : undefined
  } catch {
    return undefined
  }
}

/** HTML or XML, of whatever label. */
function isMarkup({ text }: BoundedBody): boolean {
  return /^\s*</.test(text)
}

/** Bearer in any case, left out in whatever way, or as Apigee has it. The token must fit into a header. */
function isBearerToken(fields: Fields): fields is Fields & { readonly access_token: string } {
  const { access_token: token, token_type: type } = fields
  const isBearer =
    type === undefined || type === null || (typeof type === 'string' && /^\s*(?:bearer(?:token)?)?\s*$/i.test(type))
  return isBearer && fitsHeader(token)
}

/** In ms; `undefined` for junk. Without `expires_in`: what a JWT says, by the server's own clock. */
function lifetime({ expires_in: expiresIn, access_token: token }: Fields, date: string | null): number | undefined {
  if (expiresIn === undefined || expiresIn === null) {
    const expiry = jwtExpiry(token as string)
    const now = date === null ? Number.NaN : httpDate(date)
    if (expiry === undefined) return unknownLifetimeMs
    return clamped(expiry - (Number.isNaN(now) ? Date.now() : now))
  }
  const seconds = typeof expiresIn === 'string' && /^\s*-?\d/.test(expiresIn) ? Number(expiresIn) : expiresIn
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined
  return clamped(seconds * 1000)
}

function clamped(lifetimeMs: number): number {
  return Math.max(0, Math.min(lifetimeMs, maxLifetimeMs))
}

/** `exp` of a JWT, in ms. Not verified: it only says when to refresh. */
function jwtExpiry(token: string): number | undefined {
  const payload = token.split('.')[1]
  const text = payload && Buffer.from(payload, 'base64url').toString('utf8')
  const exp = text && parseObject({ text, isWhole: true })?.exp
  return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined
}
