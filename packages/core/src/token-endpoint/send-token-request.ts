import { allowInsecureRequests, clientCredentialsGrantRequest, customFetch } from 'oauth4webapi'
import { clientAuthentication, encodingMatters } from '../credentials/client-authentication.js'
import type { Credentials } from '../credentials/credentials.js'
import { McaAuthError } from '../error.js'
import { FailedAttempt, failedFunction, ownErrorIn, withMessage } from './failed-attempt.js'
import { safeCause } from './safe-cause.js'
import { SecretMask } from './secret-mask.js'
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
 * @throws FailedAttempt
 */
export async function sendTokenRequest(
  sender: TokenRequestSender,
  request: PreparedTokenRequest,
  secret: string | undefined,
  signal: AbortSignal,
): Promise<TokenResponse> {
  const { credentials } = sender
  const mask = new SecretMask(credentials.clientId)
  mask.add(secret)
  const issuedAt = Date.now()
  try {
    const response = await send(sender, request, secret, signal, mask)
    return await readTokenResponse(response, issuedAt, credentials.tokenEndpoint, mask)
  } catch (error) {
    if (!(error instanceof FailedAttempt)) throw networkFailure(credentials.tokenEndpoint, error, mask)
    if (error.kind !== 'denied' || !mayBeEncoding(credentials, secret)) throw error
    const hint = "if the server takes id and secret raw, set `clientAuth: 'client_secret_basic_raw'`"
    throw new FailedAttempt(error.kind, withMessage(error.error, `${error.message}; ${hint}`))
  }
}

async function send(
  { credentials, fetch }: TokenRequestSender,
  request: PreparedTokenRequest,
  secret: string | undefined,
  signal: AbortSignal,
  mask: SecretMask,
): Promise<Response> {
  const { tokenEndpoint, clientId, clientAuth } = credentials
  // The issuer is not known. It is the audience of what `PrivateKeyJwt()` signs, for which most servers take the URL of
  // their token endpoint too (RFC 7523 §3).
  const server = { issuer: tokenEndpoint.href, token_endpoint: tokenEndpoint.href }
  const client = { client_id: clientId }
  const authenticate =
    typeof clientAuth === 'function' ? reported(clientAuth) : clientAuthentication(clientAuth, secret ?? '')
  const addAuthentication = (_as: unknown, _client: unknown, body: URLSearchParams, headers: Headers) =>
    authenticate(server, client, body, headers)
  return clientCredentialsGrantRequest(server, client, addAuthentication, request.parameters, {
    signal,
    headers: { 'user-agent': 'mca-auth' },
    [customFetch]: async (url, { method, body, headers }) => {
      mask.addRequest(body as URLSearchParams, headers)
      // Without a charset, which the media type does not have and some servers reject; and never from a cache, which a
      // framework may have put into the global fetch.
      const plain = { ...headers, 'content-type': 'application/x-www-form-urlencoded' }
      const init = {
        method,
        headers: plain,
        body: String(body),
        redirect: 'manual',
        cache: 'no-store',
        signal,
      } as const
      try {
        return await fetch(url, init)
      } catch (error) {
        return responseIn(error)
      }
    },
    // Plain HTTP has been checked when the credentials were resolved.
    [allowInsecureRequests]: true,
  })
}

function reported(clientAuth: Exclude<Credentials['clientAuth'], string>): typeof clientAuth {
  return async (...parts) => {
    try {
      await clientAuth(...parts)
    } catch (error) {
      throw failedFunction('clientAuth', error)
    }
  }
}

/** Some clients (ky) throw an error that has the response, unless its status is a success. */
function responseIn(error: unknown): Response {
  const { response } = (typeof error === 'object' && error !== null ? error : {}) as { response?: Response }
  if (typeof response?.status === 'number' && typeof response.headers?.get === 'function' && !response.bodyUsed) {
    return response
  }
  throw error
}

function mayBeEncoding({ clientAuth, clientId }: Credentials, secret = ''): boolean {
  return clientAuth === 'client_secret_basic' && encodingMatters(clientId, secret)
}

function networkFailure(endpoint: URL, error: unknown, mask: SecretMask): FailedAttempt {
  const own = ownErrorIn(error)
  const what = `the token request to ${endpoint.origin} failed${own === undefined ? '' : `: ${own.message}`}`
  const failure = new McaAuthError('TOKEN_REQUEST_FAILED', what, { cause: safeCause(error, mask) })
  return new FailedAttempt(own === undefined ? 'transient' : 'bad', failure)
}
