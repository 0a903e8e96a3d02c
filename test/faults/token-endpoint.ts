import { gzipSync } from 'node:zlib'
import type { Reply } from '@mca-auth/testing'

/** A fault of the token endpoint, and what the caller of a request must see of it. */
export interface TokenFault {
  readonly fault: string
  /** Its responses to the next token requests. */
  readonly replies: readonly Reply[]
  /** Code of the error for a caller that has no token yet; `undefined` if the request succeeds. */
  readonly code?:
    | 'TOKEN_REQUEST_FAILED'
    | 'TOKEN_REQUEST_REFUSED'
    | 'TOKEN_REQUEST_THROTTLED'
    | 'TOKEN_RESPONSE_INVALID'
  /** Fields that the error must have. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** The number of token requests; none follow while the failure is remembered. */
  readonly requests: number
}

const forever = (reply: Reply) => Array.from({ length: 50 }, () => reply)
const html = { headers: { 'content-type': 'text/html' }, body: '<h1>Sorry</h1>' }
const token = (fields: object = {}) => ({ access_token: 'opaque', token_type: 'Bearer', expires_in: 3600, ...fields })
const oauth = (error: string) => ({ body: { error, error_description: 'why' } })
const failed = { code: 'TOKEN_REQUEST_FAILED' } as const
const refused = { code: 'TOKEN_REQUEST_REFUSED' } as const
const throttled = { code: 'TOKEN_REQUEST_THROTTLED' } as const
const invalid = { code: 'TOKEN_RESPONSE_INVALID' } as const

const transient: TokenFault[] = [500, 502, 503, 504].flatMap((status) => [
  { fault: `${status} with JSON, once`, replies: [{ status, body: { error: 'server_error' } }], requests: 2 },
  {
    fault: `${status} with HTML, twice`,
    replies: [
      { status, ...html },
      { status, ...html },
    ],
    requests: 3,
  },
  { fault: `${status}, empty, forever`, replies: forever({ status }), ...failed, fields: { status }, requests: 3 },
])

const connections: TokenFault[] = [
  { fault: 'drops the connection, once', replies: [{ reset: 'headers' }], requests: 2 },
  { fault: 'drops the connection, forever', replies: forever({ reset: 'headers' }), ...failed, requests: 3 },
  {
    fault: 'drops it in the middle of the body, forever',
    replies: forever({ reset: 'body', body: token() }),
    ...failed,
    requests: 3,
  },
  { fault: 'hangs before the headers, once', replies: [{ hang: 'headers' }], requests: 2 },
  { fault: 'hangs before the headers, forever', replies: forever({ hang: 'headers' }), ...failed, requests: 3 },
  {
    fault: 'hangs in the middle of the body, forever',
    replies: forever({ hang: 'body', body: token() }),
    ...failed,
    requests: 3,
  },
  {
    fault: 'sends one byte a second, forever',
    replies: forever({ body: token(), trickleMs: 1000 }),
    ...failed,
    requests: 3,
  },
]

const atOnce = (status: number) => ({ status, headers: { 'retry-after': '0' } })

const throttling: TokenFault[] = [
  {
    fault: '429 with Retry-After: 120',
    replies: [{ status: 429, headers: { 'retry-after': '120' } }],
    ...throttled,
    requests: 1,
  },
  {
    fault: '503 with Retry-After: 120',
    replies: [{ status: 503, headers: { 'retry-after': '120' } }],
    ...throttled,
    requests: 1,
  },
  {
    fault: '429 with Retry-After: a date in a year',
    replies: [{ status: 429, headers: { 'retry-after': 'Tue, 01 Jan 2030 00:00:00 GMT' } }],
    ...throttled,
    requests: 1,
  },
  {
    fault: '429 with Retry-After: a date past',
    replies: [{ status: 429, headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' } }],
    requests: 2,
  },
  { fault: '429 with Retry-After: 0, twice', replies: Array(2).fill(atOnce(429)), requests: 3 },
  { fault: '503 with Retry-After: 0', replies: [atOnce(503)], requests: 2 },
  { fault: '429 with Retry-After: 0, forever', replies: forever(atOnce(429)), ...throttled, requests: 3 },
  {
    fault: '503 with Retry-After: a date past',
    replies: [{ status: 503, headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' } }],
    requests: 2,
  },
  {
    fault: '429 with Retry-After: 99999999999',
    replies: [{ status: 429, headers: { 'retry-after': '99999999999' } }],
    ...throttled,
    requests: 1,
  },
  {
    fault: '429 with Retry-After: soon',
    replies: [{ status: 429, headers: { 'retry-after': 'soon' } }],
    ...throttled,
    requests: 1,
  },
  { fault: '503 with Retry-After: soon', replies: [{ status: 503, headers: { 'retry-after': 'soon' } }], requests: 2 },
  {
    fault: "429 without Retry-After, App ID's block of 30 s",
    replies: [{ status: 429, ...html }],
    ...throttled,
    requests: 1,
  },
]

const denials: TokenFault[] = [
  ...['temporarily_unavailable', 'server_error', 'slow_down'].map((error) => ({
    fault: `400 ${error}, once`,
    replies: [{ status: 400, ...oauth(error) }],
    requests: 2,
  })),
  {
    fault: '400 temporarily_unavailable, forever',
    replies: forever({ status: 400, ...oauth('temporarily_unavailable') }),
    ...failed,
    fields: { status: 400, error: 'temporarily_unavailable', errorDescription: 'why' },
    requests: 3,
  },
  {
    fault: "400 with IAM's errorCode",
    replies: [{ status: 400, body: { errorCode: 'BXNIM0415E', errorMessage: 'no such key' } }],
    ...refused,
    fields: { error: 'BXNIM0415E', errorDescription: 'no such key' },
    requests: 1,
  },
  ...['invalid_client', 'invalid_scope', 'unauthorized_client'].map((error) => ({
    fault: `400 ${error}`,
    replies: [{ status: 400, ...oauth(error) }],
    ...refused,
    fields: { status: 400, error, errorDescription: 'why' },
    requests: 1,
  })),
  {
    fault: '401 with a Basic challenge',
    replies: [{ status: 401, headers: { 'www-authenticate': 'Basic realm="x"' }, ...oauth('invalid_client') }],
    ...refused,
    fields: { error: 'invalid_client' },
    requests: 1,
  },
  {
    fault: '401 with a Bearer challenge',
    replies: [{ status: 401, headers: { 'www-authenticate': 'Bearer' }, body: '' }],
    ...refused,
    fields: { status: 401 },
    requests: 1,
  },
  {
    fault: '403, empty, without a content type',
    replies: [{ status: 403 }],
    ...refused,
    fields: { status: 403 },
    requests: 1,
  },
  { fault: '404 with HTML, once', replies: [{ status: 404, ...html }], requests: 2 },
  {
    fault: '403 with HTML, forever',
    replies: forever({ status: 403, ...html }),
    ...failed,
    fields: { status: 403 },
    requests: 3,
  },
  {
    fault: '200 with an error',
    replies: [oauth('invalid_client')],
    ...refused,
    fields: { error: 'invalid_client' },
    requests: 1,
  },
]

const responses: TokenFault[] = (
  [
    ['204', { status: 204 }],
    ['200 with text', { headers: html.headers, body: 'Sorry' }],
    ['404 with text', { status: 404, body: '404 page not found' }],
    ['202 with a token', { status: 202, body: token() }],
    ['200, empty', {}],
    ['truncated JSON', { body: '{"access_token":"opa' }],
    ['a JSON array', { body: [token()] }],
    ['null', { body: 'null' }],
    ['no access_token', { body: token({ access_token: undefined }) }],
    ['an access_token that is a number', { body: token({ access_token: 7 }) }],
    ['an empty access_token', { body: token({ access_token: '' }) }],
    ['an access_token with CR LF', { body: token({ access_token: 'a\r\nb: c' }) }],
    ['an access_token beyond ASCII', { body: token({ access_token: 'tökén' }) }],
    ['10 MB', { body: token({ padding: 'x'.repeat(10_000_000) }) }],
    ['a gzip bomb', { headers: { 'content-encoding': 'gzip' }, body: gzipSync('x'.repeat(30_000_000)) }],
    ['UTF-16', { body: Buffer.from(JSON.stringify(token()), 'utf16le') }],
    ['expires_in NaN', { body: token({ expires_in: 'NaN' }) }],
    ['expires_in "soon"', { body: token({ expires_in: 'soon' }) }],
    ['token_type mac', { body: token({ token_type: 'mac' }) }],
    ...[301, 302, 303, 307, 308].map(
      (status) => [`${status}`, { status, headers: { location: 'http://127.0.0.1:9/' } }] as const,
    ),
  ] as const
).map(([fault, reply]) => ({ fault, replies: [reply as Reply], ...invalid, requests: 1 }))

const pages: TokenFault[] = [
  { fault: '200 with HTML, twice', replies: [html, html], requests: 3 },
  { fault: '200 with HTML, forever', replies: forever(html), ...invalid, fields: { status: 200 }, requests: 3 },
]

const tolerated: TokenFault[] = (
  [
    ['no expires_in', { expires_in: undefined }],
    ['expires_in "3600"', { expires_in: '3600' }],
    ['expires_in 0', { expires_in: 0 }],
    ['expires_in -1', { expires_in: -1 }],
    ['expires_in 1e99', { expires_in: 1e99 }],
    ['no token_type', { token_type: undefined }],
    ['token_type bearer', { token_type: 'bearer' }],
    ['token_type BEARER', { token_type: 'BEARER' }],
    ['token_type BearerToken', { token_type: 'BearerToken' }],
    ['token_type null', { token_type: null }],
    ['token_type ""', { token_type: '' }],
  ] as const
)
  .map(([fault, fields]): TokenFault => ({ fault, replies: [{ body: token(fields) }], requests: 1 }))
  .concat([{ fault: 'status 201', replies: [{ status: 201, body: token() }], requests: 1 }])

export const tokenFaults: readonly TokenFault[] = [
  ...connections,
  ...transient,
  ...throttling,
  ...denials,
  ...responses,
  ...pages,
  ...tolerated,
]
