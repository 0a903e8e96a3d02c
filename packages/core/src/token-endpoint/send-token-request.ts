import type { TokenRequestDraft } from '../credentials/credential-part.js'
import type { Credentials } from '../credentials/credentials.js'
import type { Material } from '../credentials/material.js'
import { McaAuthError } from '../error.js'
import { FailedAttempt, failedCredentials, ownErrorIn, withMessage } from './failed-attempt.js'
import { safeCause } from './safe-cause.js'
import { SecretMask } from './secret-mask.js'
import type { PreparedTokenRequest } from './token-request.js'
import { readTokenResponse, type TokenResponse } from './token-response.js'

/** Who sends a token request, and with what. */
export interface TokenRequestSender {
  readonly credentials: Credentials
  readonly fetch: typeof globalThis.fetch
}

/** `oauth4webapi` wants an id of every client; what is written is ours, and has none. */
const anyClient = { client_id: 'none' }

/**
 * Sends one token request and reads the response. Retries and caches nothing.
 *
 * @throws FailedAttempt
 */
export async function sendTokenRequest(
  sender: TokenRequestSender,
  request: PreparedTokenRequest,
  material: Material,
  signal: AbortSignal,
): Promise<TokenResponse> {
  const { clientId, server } = sender.credentials
  const mask = new SecretMask(clientId)
  for (const secret of material.secrets) mask.add(secret)
  const issuedAt = Date.now()
  const hints: string[] = []
  try {
    const response = await send(sender, request, material, signal, mask, hints)
    return await readTokenResponse(response, issuedAt, server.url, mask)
  } catch (error) {
    if (!(error instanceof FailedAttempt)) throw networkFailure(server.url, error, mask)
    if (error.kind !== 'denied' || hints.length === 0) throw error
    throw new FailedAttempt(error.kind, withMessage(error.error, [error.message, ...hints].join('; ')))
  }
}

async function send(
  { credentials, fetch }: TokenRequestSender,
  request: PreparedTokenRequest,
  material: Material,
  signal: AbortSignal,
  mask: SecretMask,
  hints: string[],
): Promise<Response> {
  // Loaded by the first token request, so that an application does not pay for it at start.
  const oauth = await import('oauth4webapi')
  const { server, clientId } = credentials
  // The issuer is not known. It is the audience of an assertion, for which most servers take the URL of their token
  // endpoint too (RFC 7523 §3).
  const metadata = { issuer: server.url.href, token_endpoint: server.url.href }
  const write = async (body: URLSearchParams, headers: Headers) => {
    const draft: TokenRequestDraft = {
      ...{ server: metadata, issuerIsKnown: false, clientId, body, headers, now: Date.now(), hints },
    }
    await material.write(draft).catch((error: unknown) => {
      throw failedCredentials(error) ?? error
    })
  }
  const authenticate = (_as: unknown, _client: unknown, body: URLSearchParams, headers: Headers) => write(body, headers)
  return oauth.genericTokenEndpointRequest(
    metadata,
    anyClient,
    authenticate,
    'client_credentials',
    request.parameters,
    {
      signal,
      headers: { 'user-agent': 'mca-auth' },
      [oauth.customFetch]: async (url, { method, body, headers }) => {
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
      [oauth.allowInsecureRequests]: true,
    },
  )
}

/** Some clients (ky) throw an error that has the response, unless its status is a success. */
function responseIn(error: unknown): Response {
  const { response } = (typeof error === 'object' && error !== null ? error : {}) as { response?: Response }
  if (typeof response?.status === 'number' && typeof response.headers?.get === 'function' && !response.bodyUsed) {
    return response
  }
  throw error
}

function networkFailure(endpoint: URL, error: unknown, mask: SecretMask): FailedAttempt {
  const own = ownErrorIn(error)
  const what = `the token request to ${endpoint.origin} failed${own === undefined ? '' : `: ${own.message}`}`
  const failure = new McaAuthError('TOKEN_REQUEST_FAILED', what, { cause: safeCause(error, mask) })
  return new FailedAttempt(own === undefined ? 'transient' : 'bad', failure)
}
