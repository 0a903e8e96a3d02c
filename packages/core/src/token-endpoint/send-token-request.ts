import { clientAuthentication, encodingMatters } from '../credentials/client-authentication.js'
import type { Credentials } from '../credentials/credentials.js'
import { McaAuthError } from '../error.js'
import type { PreparedTokenRequest } from './token-request.js'
import { readTokenResponse, type TokenResponse } from './token-response.js'

/** Who sends a token request, and with what. */
export interface TokenRequestSender {
  readonly credentials: Credentials
  readonly fetch: typeof globalThis.fetch
}

/**
 * Sends one token request (RFC 6749 §4.4) and reads the response. Retries and caches nothing.
 *
 * @throws McaAuthError whose code says what may be done about it: `TOKEN_REQUEST_REFUSED`, `…_THROTTLED`, `…_FAILED`
 *   (the only one worth a retry) or `TOKEN_RESPONSE_INVALID`.
 */
export async function sendTokenRequest(
  { credentials, fetch }: TokenRequestSender,
  request: PreparedTokenRequest,
  secret: string | undefined,
  signal: AbortSignal,
): Promise<TokenResponse> {
  const { tokenEndpoint } = credentials
  const issuedAt = Date.now()
  let response: Response
  try {
    response = await send(credentials, fetch, request, secret, signal)
  } catch (cause) {
    throw failed(tokenEndpoint, cause)
  }
  try {
    return await readTokenResponse(response, issuedAt, tokenEndpoint)
  } catch (error) {
    if (!(error instanceof McaAuthError)) throw failed(tokenEndpoint, error)
    if (error.code !== 'TOKEN_REQUEST_REFUSED' || !mayBeEncoding(credentials, secret)) throw error
    const hint = "if the server takes id and secret raw, set `clientAuth: 'client_secret_basic_raw'`"
    throw new McaAuthError(error.code, `${error.message}; ${hint}`, error)
  }
}

async function send(
  { tokenEndpoint, clientId, clientAuth }: Credentials,
  fetch: typeof globalThis.fetch,
  request: PreparedTokenRequest,
  secret: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  // Loaded by the first token request, so that an application does not pay for it at start.
  const oauth = await import('oauth4webapi')
  const server = { issuer: tokenEndpoint.origin, token_endpoint: tokenEndpoint.href }
  const authenticate = typeof clientAuth === 'function' ? clientAuth : clientAuthentication(clientAuth, secret ?? '')
  return oauth.clientCredentialsGrantRequest(server, { client_id: clientId }, authenticate, request.parameters, {
    signal,
    headers: { 'user-agent': 'mca-auth' },
    [oauth.customFetch]: (url, init) => fetch(url, init as RequestInit),
    // Plain HTTP has been checked when the credentials were resolved.
    [oauth.allowInsecureRequests]: true,
  })
}

function mayBeEncoding({ clientAuth, clientId }: Credentials, secret = ''): boolean {
  return clientAuth === 'client_secret_basic' && encodingMatters(clientId, secret)
}

function failed(endpoint: URL, error: unknown): McaAuthError {
  const cause = quotesTheResponse(error) ? undefined : error
  return new McaAuthError('TOKEN_REQUEST_FAILED', `the token request to ${endpoint.origin} failed`, { cause })
}

/** An HTTP parser's error quotes what it could not read, which may be a token: http's and undici's, by any name. */
function quotesTheResponse(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { name, code } = error as NodeJS.ErrnoException
  const isParser = name === 'HTTPParserError' || (typeof code === 'string' && code.startsWith('HPE_'))
  return isParser || 'data' in error || 'rawPacket' in error || quotesTheResponse(error.cause)
}
