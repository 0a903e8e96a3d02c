import { McaAuthError } from '../error.js'
import type { Incoming } from './incoming.js'

// The errors of requests that should carry a token and are not sent.

export function insecure(origin: string, proxied: boolean): McaAuthError {
  const where = proxied ? `to ${origin} through a proxy` : `to ${origin}`
  const how = proxied ? '' : `list '${origin}' in \`origins\`, `
  return new McaAuthError(
    'INSECURE_TRANSPORT',
    `no token is sent over plain HTTP ${where}: use https, ${how}or set \`allowInsecureRequests: true\``,
  )
}

export function missingOrigins(origin: string | undefined): McaAuthError {
  return new McaAuthError(
    'MISSING_ORIGINS',
    origin === undefined
      ? 'this client hides which origin it is connected to: list exactly that one in `origins`'
      : 'fetch hides its redirects from a dispatcher: list the `origins` that may have the token, or use @mca-auth/fetch',
  )
}

/** Never falls back to the service's own token, which would give its rights to the caller. */
export function missingIncomingToken(incoming: Exclude<Incoming, object>): McaAuthError {
  return new McaAuthError(
    'MISSING_INCOMING_TOKEN',
    incoming === 'none'
      ? 'the incoming request has no token to exchange: respond to it with 401'
      : "this request is not made on behalf of a caller: with `incoming: 'exchange'`, make requests inside forwardIncoming(), " +
          'and those of the service itself with another client',
  )
}

export function noTokenForHop(): McaAuthError {
  return new McaAuthError(
    'TOKEN_REQUEST_FAILED',
    'the token expired while a redirect was followed, and a redirect cannot wait for a new one',
  )
}
