import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Reply } from './reply.js'

/** RFC 6749 §5.2 */
export const unauthorized: Reply = {
  status: 401,
  headers: { 'www-authenticate': 'Basic realm="token"' },
  body: { error: 'invalid_client', error_description: 'wrong credentials' },
}

/** Basic with id and secret raw, as IBM's servers expect them, or form-encoded (RFC 6749 §2.3.1); or both in the body. */
export function isAuthenticated(
  request: IncomingMessage,
  body: URLSearchParams,
  clientId: string,
  secrets: readonly string[],
): boolean {
  const [scheme, encoded = ''] = (request.headers.authorization ?? '').split(' ')
  const pair = scheme === 'Basic' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined
  const sent = pair ?? `${body.get('client_id')}:${body.get('client_secret')}`
  return secrets.some(
    (secret) => equal(sent, `${clientId}:${secret}`) || equal(sent, `${formEncode(clientId)}:${formEncode(secret)}`),
  )
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
