import type { ServerMetadata } from '../credentials/credential-part.js'
import type { Server } from '../credentials/server.js'
import { ServerClock } from '../credentials/server-clock.js'
import { McaAuthError } from '../error.js'
import { isSecure } from '../origin.js'
import { FailedAttempt } from './failed-attempt.js'
import type { OwnEndpoints } from './token-endpoints.js'
import { wellKnownUrls } from './well-known.js'

/** The server of one provider: known from the start, or looked up by the first token request. */
export class TokenServer {
  /** The time by the server's clock, as its responses say it. */
  readonly clock: ServerClock = new ServerClock()
  /** The issuer whose metadata must be looked up, if any. */
  readonly lookedUp: string | undefined
  /** If not, the token endpoint is used as the audience of assertions. */
  readonly issuerIsKnown: boolean
  readonly fetch: typeof globalThis.fetch
  readonly #url: URL
  readonly #allowInsecureRequests: boolean
  readonly #endpoints: OwnEndpoints
  #metadata: ServerMetadata | undefined

  constructor(
    { kind, url, issuer, further = [] }: Server,
    fetch: typeof globalThis.fetch,
    allowInsecureRequests: boolean,
    endpoints: OwnEndpoints,
  ) {
    this.lookedUp = kind === 'issuer' ? issuer : undefined
    this.issuerIsKnown = issuer !== undefined
    this.fetch = fetch
    this.#url = url
    this.#allowInsecureRequests = allowInsecureRequests
    this.#endpoints = endpoints
    for (const own of kind === 'issuer' ? wellKnownUrls(url.href) : [url, ...further]) endpoints.add(own)
    if (kind !== 'issuer') this.#metadata = { issuer: issuer ?? url.href, token_endpoint: url.href }
  }

  /** `undefined` until it has been looked up. */
  get metadata(): ServerMetadata | undefined {
    return this.#metadata
  }

  /** Origin and path of the token endpoint; of the issuer while it is not known. */
  get location(): string {
    const { origin, pathname } = new URL(this.#metadata?.token_endpoint ?? this.#url)
    return `${origin}${pathname}`
  }

  /**
   * Uses metadata that were looked up.
   *
   * @throws FailedAttempt if their token endpoint is of plain HTTP.
   */
  use(metadata: ServerMetadata): ServerMetadata {
    if (metadata === this.#metadata) return metadata
    const endpoint = new URL(metadata.token_endpoint)
    if (!isSecure(endpoint.origin) && !this.#allowInsecureRequests) {
      const what = `the token endpoint on ${endpoint.origin}, named in the issuer's metadata, is plain http`
      throw new FailedAttempt('bad', new McaAuthError('INSECURE_TRANSPORT', what))
    }
    this.#endpoints.add(endpoint)
    this.#metadata = metadata
    return metadata
  }
}
