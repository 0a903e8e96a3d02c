import { McaAuthError, type McaAuthErrorCode, type McaAuthErrorDetails } from '../error.js'
import { httpDate, retryAfter } from './retry-after.js'

const maxBodyBytes = 64 * 1024
const unknownLifetimeMs = 5 * 60_000
const throttledMs = 30_000
/** The largest count of seconds that 32 bits hold: a bound, so that `1e99` is a long life and not an overflow. */
const longestLifetimeMs = (2 ** 31 - 1) * 1000

/** A token as the token endpoint issued it. */
export interface TokenResponse {
  readonly accessToken: string
  readonly scope: string | undefined
  /** When the token request was started, in ms since the epoch. */
  readonly issuedAt: number
  /** Lifetime in ms, counted from `issuedAt`; zero or less is possible. */
  readonly lifetimeMs: number
}

type Fields = Record<string, unknown>

/**
 * Reads and judges the answer of a token endpoint (RFC 6749 §5).
 *
 * @throws McaAuthError for an answer without a usable token; anything else thrown is a network error.
 */
export async function readTokenResponse(response: Response, issuedAt: number, endpoint: URL): Promise<TokenResponse> {
  const { status } = response
  const problem = (code: McaAuthErrorCode, what: string, details: McaAuthErrorDetails = {}) =>
    new McaAuthError(code, `the token endpoint on ${endpoint.origin} ${what}`, { status, ...details })

  const text = await readBounded(response)
  const fields = parseObject(text)
  const answered = `answered ${status}`

  const retryAt = retryAfter(response.headers.get('retry-after'), Date.now())
  if (status === 429 || (status === 503 && retryAt !== undefined)) {
    throw problem('TOKEN_REQUEST_THROTTLED', answered, { retryAt: retryAt ?? Date.now() + throttledMs })
  }
  if (status === 408 || status >= 500) throw problem('TOKEN_REQUEST_FAILED', answered)

  const refusal = await refusalIn(fields)
  if (status >= 400 || (status === 200 && refusal !== undefined)) {
    const { error, error_description: errorDescription } = refusal ?? {}
    const reason = [error, errorDescription].filter((part) => part !== undefined).join(': ')
    throw problem('TOKEN_REQUEST_REFUSED', `refused: ${status}${reason && ` ${reason.slice(0, 300)}`}`, {
      error,
      errorDescription,
    })
  }
  if (status !== 200) throw problem('TOKEN_RESPONSE_INVALID', `${answered}, not with a token`)
  if (text === undefined) throw problem('TOKEN_RESPONSE_INVALID', `${answered} with more than ${maxBodyBytes} bytes`)
  if (fields === undefined) throw problem('TOKEN_RESPONSE_INVALID', `${answered} with no JSON object`)

  const accepted = await accept(fields)
  if (accepted === undefined) throw problem('TOKEN_RESPONSE_INVALID', `${answered} with no usable bearer token`)
  const lifetimeMs = lifetime(fields, response.headers.get('date'))
  if (lifetimeMs === undefined) throw problem('TOKEN_RESPONSE_INVALID', `${answered} with an unreadable expires_in`)
  return { accessToken: accepted.access_token, scope: accepted.scope, issuedAt, lifetimeMs }
}

/** The body as text, or `undefined` where it is longer than any token response. */
async function readBounded(response: Response): Promise<string | undefined> {
  if (response.body === null) return ''
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > maxBodyBytes) return undefined // leaving the loop cancels the body
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function parseObject(text: string | undefined): Fields | undefined {
  try {
    const json: unknown = JSON.parse(text ?? '')
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Fields) : undefined
  } catch {
    return undefined
  }
}

const server = { issuer: 'https://token-endpoint' }
const client = { client_id: 'client' }

/** A response rebuilt from what we have read: without `www-authenticate`, on which the library stops reading. */
function rebuilt(fields: Fields, status: number): Response {
  return new Response(JSON.stringify(fields), { status, headers: { 'content-type': 'application/json' } })
}

/** The OAuth error in the body (RFC 6749 §5.2), if there is one. Some servers send it with 200. */
async function refusalIn(
  fields: Fields | undefined,
): Promise<{ error: string; error_description?: string } | undefined> {
  if (fields === undefined || typeof fields.error !== 'string' || fields.error === '') return undefined
  const { error, error_description } = fields
  const oauth = await import('oauth4webapi')
  const response = rebuilt({ error, ...(typeof error_description === 'string' && { error_description }) }, 400)
  return oauth.processClientCredentialsResponse(server, client, response).then(
    () => undefined,
    (refused: unknown) => {
      if (!(refused instanceof oauth.ResponseBodyError)) return undefined
      const description = refused.error_description
      return {
        error: printable(refused.error),
        ...(description !== undefined && { error_description: printable(description) }),
      }
    },
  )
}

/** As RFC 6749 §5.2 has it: no server begins a new line in our user's log, or sends a terminal commands. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
}

/** Only what a client-credentials response is for; a missing token_type means Bearer. */
async function accept({ access_token, token_type = 'bearer', scope }: Fields) {
  const oauth = await import('oauth4webapi')
  try {
    const response = rebuilt({ access_token, token_type, ...(typeof scope === 'string' && { scope }) }, 200)
    const accepted = await oauth.processClientCredentialsResponse(server, client, response)
    // One that may stand in a header (RFC 6750 §2.1 is narrower still, but servers are not).
    return accepted.token_type === 'bearer' && /^[\x21-\x7e]+$/.test(accepted.access_token) ? accepted : undefined
  } catch {
    return undefined
  }
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

/** A life of zero or less is one of zero; an endless one ends. */
function clamped(lifetimeMs: number): number {
  return Math.max(0, Math.min(lifetimeMs, longestLifetimeMs))
}

/** `exp` of a JWT, in ms. Not verified: it only says when to renew. */
function jwtExpiry(token: string): number | undefined {
  const payload = token.split('.')[1]
  const exp = payload && parseObject(Buffer.from(payload, 'base64url').toString('utf8'))?.exp
  return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined
}
