import type { ServerMetadata } from '../credentials/credential-part.js'
import { type Discovery, discoveryOf } from './discovery.js'
import { codesIn } from './error-codes.js'
import type { FailedAttempt } from './failed-attempt.js'
import type { TokenServer } from './token-server.js'

/** Kept per server, since the process-wide list is limited. */
const discoveries = new WeakMap<TokenServer, Discovery>()

function discoveryFor(server: TokenServer, issuer: string): Discovery {
  const discovery = discoveries.get(server) ?? discoveryOf(issuer, server.fetch)
  discoveries.set(server, discovery)
  return discovery
}

/** The metadata of a server, looked up if only its issuer is known. @throws FailedAttempt, or a network error. */
export async function metadataOf(server: TokenServer, signal: AbortSignal): Promise<ServerMetadata> {
  if (server.lookedUp === undefined) return server.metadata as ServerMetadata
  const discovery = discoveryFor(server, server.lookedUp)
  const metadata = await discovery.metadata(signal)
  server.clock.follow(discovery.clock)
  return server.use(metadata)
}

/** New metadata, if the failure may mean that the token endpoint has moved and the metadata names another one. */
export async function metadataElsewhere(
  server: TokenServer,
  before: ServerMetadata,
  failure: FailedAttempt,
  signal: AbortSignal,
): Promise<ServerMetadata | undefined> {
  if (server.lookedUp === undefined || !mayHaveMoved(failure)) return undefined
  const endpointIn = (found: ServerMetadata) => server.endpointIn(found)
  const metadata = await discoveryFor(server, server.lookedUp).again(before.token_endpoint, endpointIn, signal)
  return metadata && server.use(metadata)
}

const gone = [404, 405, 410]
const unreachable = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']

/** The endpoint does not exist any more, or its host is unreachable. */
function mayHaveMoved({ error }: FailedAttempt): boolean {
  if (error.status !== undefined) return gone.includes(error.status)
  return codesIn(error.cause).some((code) => unreachable.includes(code))
}
