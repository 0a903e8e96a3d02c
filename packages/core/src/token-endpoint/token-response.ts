import { claimsOf } from '../credentials/jwt-claims.js'
import { httpDate } from '../credentials/server-clock.js'
import { type Fields, readEndpointResponse } from './endpoint-response.js'
import type { SecretMask } from './secret-mask.js'
import { fitsHeader } from './token-syntax.js'

const unknownLifetimeMs = 5 * 60_000
/** The largest number of seconds in 32 bits, so that `1e99` is a long lifetime and not an overflow. */
const maxLifetimeMs = (2 ** 31 - 1) * 1000

export type TokenType = 'Bearer' | 'DPoP'

/** A token as the token endpoint issued it. */
export interface TokenResponse {
  readonly accessToken: string
  readonly scope: string | undefined
  /** When the token request was started, in ms since the epoch. */
  readonly issuedAt: number
  /** Lifetime in ms, counted from `issuedAt`; zero or less is possible. */
  readonly lifetimeMs: number
}

/**
 * Reads the response of a token endpoint (RFC 6749 §5). In addition to the cases of `readEndpointResponse()`:
 * - Denied: any other error code, with a 4xx or in place of a token; and 401 and 403 in any case.
 * - Bad: everything else without a usable token.
 *
 * @param what - the endpoint, for messages.
 * @throws FailedAttempt for a response without a usable token; anything else thrown is a network error.
 */
export async function readTokenResponse(
  response: Response,
  issuedAt: number,
  what: string,
  mask: SecretMask,
  type: TokenType = 'Bearer',
): Promise<TokenResponse> {
  const isResult = (fields: Fields) => fields.access_token !== undefined
  const answer = await readEndpointResponse(response, { what, mask, isResult, invalidCode: 'TOKEN_RESPONSE_INVALID' })
  const { status } = answer
  if (answer.hasError || status === 401 || status === 403) {
    return answer.fail('denied', 'TOKEN_REQUEST_REFUSED', `denied the request: ${status}`)
  }
  const invalid = (happened: string) => answer.fail('bad', 'TOKEN_RESPONSE_INVALID', `answered ${status}${happened}`)
  if (status !== 200 && status !== 201) return invalid(', not with a token')
  const token = tokenIn(answer.fields(), issuedAt, answer.headers.get('date'), type)
  return typeof token === 'string' ? invalid(` with ${token}`) : token
}

/**
 * The token in the fields of a response, or the fault in them.
 *
 * @param date - the response's `Date`.
 */
export function tokenIn(
  fields: Fields,
  issuedAt: number,
  date: string | null,
  type: TokenType = 'Bearer',
): TokenResponse | string {
  // Never used as a Bearer token instead: a caller that requires bound tokens relies on that.
  if (type === 'DPoP' && !isDpopToken(fields)) return 'a token that is not bound to the `dpop` key'
  if (type === 'Bearer' && !isBearerToken(fields)) return 'no usable bearer token'
  const lifetimeMs = lifetime(fields, date)
  if (lifetimeMs === undefined) return 'an unreadable expires_in'
  const scope = typeof fields.scope === 'string' ? fields.scope : undefined
  return { accessToken: fields.access_token as string, scope, issuedAt, lifetimeMs }
}

/** Bearer in any case, absent or empty, or Apigee's `BearerToken`. The token must fit into a header. */
function isBearerToken(fields: Fields): boolean {
  const { access_token: token, token_type: type } = fields
  const isBearer =
    type === undefined || type === null || (typeof type === 'string' && /^\s*(?:bearer(?:token)?)?\s*$/i.test(type))
  return isBearer && fitsHeader(token)
}

/** RFC 9449 §5. */
function isDpopToken({ access_token: token, token_type: type }: Fields): boolean {
  return typeof type === 'string' && /^\s*dpop\s*$/i.test(type) && fitsHeader(token)
}

/** In ms; `undefined` if invalid. Without `expires_in`: according to a JWT, by the server's own clock. */
function lifetime({ expires_in: expiresIn, access_token: token }: Fields, date: string | null): number | undefined {
  if (expiresIn === undefined || expiresIn === null) {
    const expiry = claimsOf(token as string)?.exp
    const now = date === null ? Number.NaN : httpDate(date)
    if (typeof expiry !== 'number' || !Number.isFinite(expiry)) return unknownLifetimeMs
    return clamped(expiry * 1000 - (Number.isNaN(now) ? Date.now() : now))
  }
  const seconds = typeof expiresIn === 'string' && /^\s*-?\d/.test(expiresIn) ? Number(expiresIn) : expiresIn
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined
  return clamped(seconds * 1000)
}

function clamped(lifetimeMs: number): number {
  return Math.max(0, Math.min(lifetimeMs, maxLifetimeMs))
}
