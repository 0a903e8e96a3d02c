import { clientAuthentication, encodingMatters } from '../credentials/client-authentication.js'
import type { Credentials } from '../credentials/credentials.js'
import { McaAuthError } from '../error.js'
import type { TokenResponse } from '../provider/access-token.js'
import type { PreparedTokenRequest } from './token-request.js'
import { readTokenResponse } from './token-response.js'

/** Makes one token request (RFC 6749 §4.4) and caches nothing. */
export interface TokenSource {
  /**
   * @throws McaAuthError whose code says what may be done about it: `TOKEN_REQUEST_REFUSED`, `…_THROTTLED`, `…_FAILED`
   *   (the only one worth another try) or `TOKEN_RESPONSE_INVALID`.
   */
  request(request: PreparedTokenRequest, secret: string | undefined, signal: AbortSignal): Promise<TokenResponse>
}

export function createTokenSource(
  credentials: Credentials,
  fetchOption: typeof globalThis.fetch | undefined,
): TokenSource {
  const { tokenEndpoint, clientId, clientAuth } = credentials
  const server = { issuer: tokenEndpoint.origin, token_endpoint: tokenEndpoint.href }
  const client = { client_id: clientId }

  async function send(request: PreparedTokenRequest, secret: string | undefined, signal: AbortSignal) {
    // Loaded by the first token request, so that an application does not pay for it at start.
    const oauth = await import('oauth4webapi')
    const authenticate = typeof clientAuth === 'function' ? clientAuth : clientAuthentication(clientAuth, secret ?? '')
    return oauth.clientCredentialsGrantRequest(server, client, authenticate, request.parameters, {
      signal,
      headers: { 'user-agent': 'mca-auth' },
      // Looked up at each request: it may be replaced or instrumented after us.
      [oauth.customFetch]: (url, init) => (fetchOption ?? globalThis.fetch)(url, init as RequestInit),
      // Plain http has been judged when the credentials were resolved.
      [oauth.allowInsecureRequests]: true,
    })
  }

  return {
    async request(request, secret, signal) {
      const issuedAt = Date.now()
      let response: Response
      try {
        response = await send(request, secret, signal)
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
    },
  }
}

function mayBeEncoding({ clientAuth, clientId }: Credentials, secret = ''): boolean {
  return clientAuth === 'client_secret_basic' && encodingMatters(clientId, secret)
}

function failed(endpoint: URL, error: unknown): McaAuthError {
  const cause = quotesTheAnswer(error) ? undefined : error
  return new McaAuthError('TOKEN_REQUEST_FAILED', `the token request to ${endpoint.origin} failed`, { cause })
}

/** A parser of HTTP puts into its errors what it could not read, which may be a token: http's and undici's, by any name. */
function quotesTheAnswer(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { name, code } = error as NodeJS.ErrnoException
  const isParser = name === 'HTTPParserError' || (typeof code === 'string' && code.startsWith('HPE_'))
  return isParser || 'data' in error || 'rawPacket' in error || quotesTheAnswer(error.cause)
}
