import type { ServerMetadata } from '../credentials/credential-part.js'
import type { Server } from '../credentials/server.js'
import { ServerClock } from '../credentials/server-clock.js'
import { McaAuthError } from '../error.js'
import { isSecure } from '../origin.js'
import { FailedAttempt } from './failed-attempt.js'
import type { OwnEndpoints } from './token-endpoints.js'
import { wellKnownUrls } from './well-known.js'

/** Where the tokens of one provider are requested: known from the start, or found out from its issuer. */
export class TokenServer {
  /** The time by the server's clock, as its responses say it. */
  readonly clock: ServerClock = new ServerClock()
  readonly #server: Server
  readonly #fetch: typeof globalThis.fetch
  readonly #allowInsecureRequests: boolean
  readonly #endpoints: OwnEndpoints
  #metadata: ServerMetadata | undefined

  constructor(server: Server, fetch: typeof globalThis.fetch, allowInsecureRequests: boolean, endpoints: OwnEndpoints) {
    this.#server = server
    this.#fetch = fetch
    this.#allowInsecureRequests = allowInsecureRequests
    this.#endpoints = endpoints
    const { kind, url, issuer, further = [] } = server
    if (kind === 'issuer') for (const own of wellKnownUrls(url.href)) endpoints.add(own)
    else {
      for (const own of [url, ...further]) endpoints.add(own)
      this.#metadata = { issuer: issuer ?? url.href, token_endpoint: url.href }
    }
  }

  /** Without an `issuer`, the token endpoint stands in its place. */
  get issuerIsKnown(): boolean {
    return this.#server.issuer !== undefined
  }

  /** Origin and path of the token endpoint; of the issuer while it is not known. */
  get location(): string {
    const { origin, pathname } = new URL(this.#metadata?.token_endpoint ?? this.#server.url)
    return `${origin}${pathname}`
  }

  /** @throws FailedAttempt, or a network error. */
  async metadata(signal: AbortSignal): Promise<ServerMetadata> {
    const { kind, issuer } = this.#server
    if (kind !== 'issuer' || issuer === undefined) return this.#metadata as ServerMetadata
    const { discoveryOf } = await import('./discovery.js')
    const discovery = discoveryOf(issuer, this.#fetch)
    const metadata = await discovery.metadata(signal)
    this.clock.follow(discovery.clock)
    return this.#use(metadata)
  }

  /** Other metadata than those that were used, if the failure may mean that the token endpoint has moved. */
  async moved(
    before: ServerMetadata,
    failure: FailedAttempt,
    signal: AbortSignal,
  ): Promise<ServerMetadata | undefined> {
    const { kind, issuer } = this.#server
    if (kind !== 'issuer' || issuer === undefined || !mayHaveMoved(failure)) return undefined
    const { discoveryOf } = await import('./discovery.js')
    const metadata = await discoveryOf(issuer, this.#fetch).again(before, signal)
    return metadata && this.#use(metadata)
  }

  #use(metadata: ServerMetadata): ServerMetadata {
    if (metadata === this.#metadata) return metadata
    const endpoint = new URL(metadata.token_endpoint)
    if (!isSecure(endpoint.origin) && !this.#allowInsecureRequests) {
      const what = `the token endpoint on ${endpoint.origin}, named by the issuer's metadata, is plain http`
      throw new FailedAttempt('bad', new McaAuthError('INSECURE_TRANSPORT', what))
    }
    this.#endpoints.add(endpoint)
    this.#metadata = metadata
    return metadata
  }
}

const gone = [404, 405, 410]
const unreachable = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']

/** Nothing was there, or nobody. */
function mayHaveMoved({ error }: FailedAttempt): boolean {
  if (error.status !== undefined) return gone.includes(error.status)
  return codesIn(error.cause).some((code) => unreachable.includes(code))
}

/** The codes of an error and of its causes: a connection to several addresses fails with as many. */
function codesIn(cause: unknown): string[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { code, cause: inner, errors } = cause as { code?: unknown; cause?: unknown; errors?: unknown }
  const several = Array.isArray(errors) ? errors.flatMap(codesIn) : []
  return [...(typeof code === 'string' ? [code] : []), ...codesIn(inner), ...several]
}
