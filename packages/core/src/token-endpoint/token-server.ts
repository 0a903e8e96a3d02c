import type { ServerMetadata } from '../credentials/credential-part.js'
import type { Server } from '../credentials/server.js'
import { ServerClock } from '../credentials/server-clock.js'
import { McaAuthError } from '../error.js'
import { isSecure, parseUrl } from '../origin.js'
import { FailedAttempt } from './failed-attempt.js'
import type { OwnEndpoints } from './token-endpoints.js'
import { wellKnownUrls } from './well-known.js'

/** The server of one provider: known from the start, or looked up by the first token request. */
export class TokenServer {
  /** The time by the server's clock, according to its responses. */
  readonly clock: ServerClock = new ServerClock()
  /** The issuer whose metadata must be looked up, if any. */
  readonly lookedUp: string | undefined
  /** If not, the audience of assertions is the token endpoint. */
  readonly issuerIsKnown: boolean
  readonly fetch: typeof globalThis.fetch
  readonly #url: URL
  readonly #allowInsecureRequests: boolean
  readonly #endpoints: OwnEndpoints
  readonly #usesCertificate: boolean
  #metadata: ServerMetadata | undefined
  /** The metadata as found. */
  #found: ServerMetadata | undefined

  /**
   * @param usesCertificate - whether the client authenticates by the certificate of the connection.
   * @throws McaAuthError if a connection to the token endpoint has no certificate, since it has no TLS.
   */
  constructor(
    { kind, url, issuer, further = [] }: Server,
    fetch: typeof globalThis.fetch,
    allowInsecureRequests: boolean,
    endpoints: OwnEndpoints,
    usesCertificate = false,
  ) {
    if (usesCertificate && kind !== 'issuer') checkTls(url)
    this.#usesCertificate = usesCertificate
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

  /** Where the metadata say that tokens are requested: with a certificate, there may be an alias (RFC 8705 §5). */
  endpointIn({ token_endpoint: endpoint, mtls_endpoint_aliases: aliases }: ServerMetadata): string {
    const alias = this.#usesCertificate ? aliases?.token_endpoint : undefined
    return typeof alias === 'string' ? alias : endpoint
  }

  /**
   * Uses metadata that was looked up.
   *
   * @throws FailedAttempt if their token endpoint cannot be used, such as one of plain HTTP.
   */
  use(found: ServerMetadata): ServerMetadata {
    if (this.#metadata !== undefined && found === this.#found) return this.#metadata
    const endpoint = parseUrl(this.endpointIn(found))
    if (endpoint === undefined || !/^https?:$/.test(endpoint.protocol) || endpoint.username || endpoint.password) {
      const what = "the token endpoint in `mtls_endpoint_aliases` of the issuer's metadata is not an http(s) URL"
      throw new FailedAttempt('bad', new McaAuthError('DISCOVERY_INVALID', what))
    }
    const what = `the token endpoint on ${endpoint.origin}, named in the issuer's metadata, is plain http`
    if (!isSecure(endpoint.origin) && !this.#allowInsecureRequests) {
      throw new FailedAttempt('bad', new McaAuthError('INSECURE_TRANSPORT', what))
    }
    if (this.#usesCertificate) {
      try {
        checkTls(endpoint)
      } catch (error) {
        throw new FailedAttempt('bad', error as McaAuthError)
      }
    }
    this.#endpoints.add(endpoint)
    this.#found = found
    this.#metadata = { ...found, token_endpoint: endpoint.href }
    return this.#metadata
  }
}

/** @throws McaAuthError for plain HTTP, also on loopback: a certificate is shown in the TLS handshake. */
function checkTls({ protocol, origin }: URL): void {
  if (protocol === 'https:') return
  throw new McaAuthError(
    'INSECURE_TRANSPORT',
    `the token endpoint on ${origin} is plain http, which cannot carry a client certificate: use https, or, if a proxy ` +
      "adds the certificate, `clientAuth: 'none'`",
  )
}
