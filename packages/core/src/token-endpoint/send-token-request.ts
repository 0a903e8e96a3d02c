import { allowInsecureRequests, customFetch, genericTokenEndpointRequest } from 'oauth4webapi'
import type { ServerMetadata, TokenRequestDraft } from '../credentials/credential-part.js'
import type { Credentials } from '../credentials/credentials.js'
import type { Material } from '../credentials/material.js'
import type { Prover } from '../credentials/prover.js'
import { type EndpointProof, sendProven } from './endpoint-proofs.js'
import { FailedAttempt, failedCredentials, withMessage } from './failed-attempt.js'
import { SecretMask } from './secret-mask.js'
import { sendByItself } from './send-by-itself.js'
import { metadataElsewhere, metadataOf } from './server-lookup.js'
import type { PreparedTokenRequest } from './token-request.js'
import { readTokenResponse, type TokenResponse } from './token-response.js'
import type { TokenServer } from './token-server.js'
import { Wire } from './wire.js'

/** The client that sends a token request, and its credentials. */
export interface TokenRequestSender {
  readonly credentials: Credentials
  /** `undefined` if a function of the user's returns the tokens. */
  readonly server: TokenServer | undefined
  readonly fetch: typeof globalThis.fetch
  /** Set if tokens should be bound to a key. */
  readonly prover?: Prover | undefined
}

/** The types of `oauth4webapi` require an id of every client; ours may have none. */
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
  const { credentials, server } = sender
  const mask = new SecretMask(credentials.clientId)
  for (const secret of material.secrets) mask.add(secret)
  mask.addNames(material.names)
  const wire = new Wire(fetchFor(sender, material), server?.clock, mask, signal)
  if (server === undefined || credentials.grant.send !== undefined) {
    return sendByItself(credentials.grant, server?.location, request, wire, signal)
  }
  const metadata = await metadataOf(server, signal).catch((error: unknown) => {
    throw wire.failure(`the discovery of ${server.location}`, error)
  })
  const send = (to: ServerMetadata) =>
    sendProven(sender.prover, to, signal, (proof) => sendForm(credentials, server, to, request, material, wire, proof))
  try {
    return await send(metadata)
  } catch (error) {
    const elsewhere =
      error instanceof FailedAttempt ? await metadataElsewhere(server, metadata, error, signal) : undefined
    if (elsewhere === undefined) throw error
    return send(elsewhere)
  }
}

/** Sends over a connection with the certificate that was read for this attempt, which may have been replaced since. */
function fetchFor({ credentials, fetch }: TokenRequestSender, { certificate }: Material): typeof globalThis.fetch {
  return certificate !== undefined && fetch === credentials.clientAuth.fetch ? certificate.fetch : fetch
}

/** @throws FailedAttempt */
async function sendForm(
  credentials: Credentials,
  server: TokenServer,
  metadata: ServerMetadata,
  request: PreparedTokenRequest,
  material: Material,
  wire: Wire,
  proof: EndpointProof | undefined,
): Promise<TokenResponse> {
  const issuedAt = Date.now()
  const { origin } = new URL(metadata.token_endpoint)
  const hints: string[] = []
  const write = async (_server: unknown, _client: unknown, body: URLSearchParams, headers: Headers) => {
    const [clientId, issuerIsKnown] = [credentials.clientId, server.issuerIsKnown]
    const draft: TokenRequestDraft = {
      ...{ server: metadata, issuerIsKnown, clientId, body, headers, now: server.clock.now(), hints },
    }
    await material.write(draft).catch((error: unknown) => {
      throw failedCredentials(error) ?? error
    })
  }
  // Without a charset, which the media type does not have and some servers reject.
  const contentType = { 'content-type': 'application/x-www-form-urlencoded' }
  const send = async (url: string, { method, body, headers }: { method: string; body: unknown; headers: object }) => {
    const all = { ...headers, ...contentType, ...proof?.headers() }
    const response = await wire.send(url, method, all, body as URLSearchParams)
    proof?.observe(response)
    return response
  }
  // Plain HTTP has already been checked, with the endpoint's source.
  const options = { headers: { 'user-agent': 'mca-auth' }, [customFetch]: send, [allowInsecureRequests]: true } as const
  const endpoint = { issuer: metadata.issuer, token_endpoint: metadata.token_endpoint }
  const { parameters } = request
  try {
    // The grant may replace it.
    const grant = 'client_credentials'
    const response = await genericTokenEndpointRequest(endpoint, anyClient, write, grant, parameters, options)
    const type = proof === undefined ? 'Bearer' : 'DPoP'
    return await readTokenResponse(response, issuedAt, `the token endpoint on ${origin}`, wire.mask, type)
  } catch (error) {
    const failure = wire.failure(`the token request to ${origin}`, error)
    if (failure.kind !== 'denied' || hints.length === 0) throw failure
    throw new FailedAttempt('denied', withMessage(failure.error, [failure.error.message, ...hints].join('; ')))
  }
}
