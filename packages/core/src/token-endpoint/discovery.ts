import { LRUCache } from 'lru-cache'
import type { ServerMetadata } from '../credentials/credential-part.js'
import { ServerClock } from '../credentials/server-clock.js'
import { McaAuthError } from '../error.js'
import { parseUrl } from '../origin.js'
import { readEndpointResponse } from './endpoint-response.js'
import { FailedAttempt } from './failed-attempt.js'
import { printable } from './printable.js'
import { SecretMask } from './secret-mask.js'
import { SharedWork } from './shared-work.js'
import { wellKnownUrls } from './well-known.js'

const validMs = 24 * 3_600_000
/** Minimum time between two lookups that a failure has caused. */
const againMs = 5 * 60_000
/** There is no metadata at this location. Any other failure is an outage of the server. */
const absent = [400, 403, 404, 405, 410]

/**
 * The metadata of one issuer (RFC 8414, OpenID Connect Discovery), for all providers of the process with the same
 * `fetch`. It is looked up by the first token request, again after a day, and if the token endpoint seems to have moved. If a
 * later lookup fails, the old metadata stays in use.
 */
export class Discovery {
  /** The server's clock, according to its responses. */
  readonly clock: ServerClock = new ServerClock()
  readonly #issuer: string
  readonly #fetch: typeof globalThis.fetch
  #known: { readonly metadata: ServerMetadata; readonly at: number } | undefined
  /** Time of the last lookup that a failure has caused, or that has failed. */
  #triedAt = Number.NEGATIVE_INFINITY
  readonly #lookUp: SharedWork<ServerMetadata>

  constructor(issuer: string, fetch: typeof globalThis.fetch) {
    this.#issuer = issuer
    this.#fetch = fetch
    this.#lookUp = new SharedWork((signal) => this.#request(signal))
  }

  /** @throws FailedAttempt */
  async metadata(signal: AbortSignal): Promise<ServerMetadata> {
    const known = this.#known
    if (known === undefined) return this.#lookUp.wait(signal)
    if (isWithin(known.at, validMs) || isWithin(this.#triedAt, againMs)) return known.metadata
    this.#triedAt = Date.now()
    return this.#lookUp.wait(signal).catch(() => known.metadata)
  }

  /**
   * Looks up again after a failure. `undefined` if the token endpoint has not moved, as far as is known.
   *
   * @param before - the token endpoint that failed.
   * @param endpointIn - the token endpoint that metadata name.
   */
  async again(
    before: string,
    endpointIn: (metadata: ServerMetadata) => string,
    signal: AbortSignal,
  ): Promise<ServerMetadata | undefined> {
    if (!isWithin(this.#triedAt, againMs)) {
      this.#triedAt = Date.now()
      await this.#lookUp.wait(signal).catch(() => {})
    }
    const now = this.#known?.metadata
    return now === undefined || parseUrl(endpointIn(now))?.href === before ? undefined : now
  }

  async #request(signal: AbortSignal): Promise<ServerMetadata> {
    const tried: string[] = []
    for (const url of wellKnownUrls(this.#issuer)) {
      const headers = { accept: 'application/json', 'user-agent': 'mca-auth' }
      const init = { headers, signal, redirect: 'manual', cache: 'no-store' } as RequestInit
      // Called without `this`, as `fetch` requires.
      const { fetch } = { fetch: this.#fetch }
      const sentAt = Date.now()
      const response = await fetch(url.href, init)
      this.clock.observe(response.headers, sentAt, Date.now())
      const what = `the discovery document ${url.origin}${url.pathname}`
      if (absent.includes(response.status)) {
        await discard(response)
        tried.push(`${what} answered ${response.status}`)
        continue
      }
      const mask = new SecretMask()
      const expected = { what, mask, isResult: () => true, invalidCode: 'DISCOVERY_INVALID' } as const
      const answer = await readEndpointResponse(response, expected)
      if (answer.status !== 200) throw invalid(`${what} answered ${answer.status}`)
      const metadata = checked(answer.fields(), this.#issuer, what)
      this.#known = { metadata, at: Date.now() }
      return metadata
    }
    throw invalid(`${tried.join(', ')}: is \`issuer\` right? Without discovery, give \`tokenEndpoint\``)
  }
}

/** Fields of the metadata that are lists of names, one of which is chosen. */
const listNames = [
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
  'dpop_signing_alg_values_supported',
]

/** RFC 8414 §3.3: metadata of another issuer must not be used. */
function checked(fields: Readonly<Record<string, unknown>>, issuer: string, what: string): ServerMetadata {
  if (fields.issuer !== issuer) {
    const other =
      typeof fields.issuer === 'string' ? printable(JSON.stringify(fields.issuer.slice(0, 200))) : 'no issuer'
    const hint = 'check for a trailing "/", http instead of https behind a proxy, or an alias of a tenant'
    throw invalid(
      `${what} is for another issuer: ${JSON.stringify(issuer)} is configured, the document has ${other}; ${hint}`,
    )
  }
  const endpoint = typeof fields.token_endpoint === 'string' ? parseUrl(fields.token_endpoint) : undefined
  if (endpoint === undefined || !/^https?:$/.test(endpoint.protocol) || endpoint.username || endpoint.password) {
    throw invalid(`${what} has no \`token_endpoint\` that is an http(s) URL`)
  }
  const metadata: Record<string, unknown> = { issuer, token_endpoint: endpoint.href }
  for (const name of listNames) {
    const list = fields[name]
    if (Array.isArray(list) && list.every((entry) => typeof entry === 'string')) metadata[name] = list
  }
  const { mtls_endpoint_aliases: aliases } = fields
  if (typeof aliases === 'object' && aliases !== null) metadata.mtls_endpoint_aliases = aliases
  return metadata as Record<string, unknown> & ServerMetadata
}

/** Frees the connection. The body of a given `fetch` may be of another kind: node-fetch's is a stream of Node. */
async function discard({ body }: Response): Promise<void> {
  const { cancel, destroy } = (body ?? {}) as { cancel?: () => Promise<void>; destroy?: () => unknown }
  if (cancel !== undefined) await cancel.call(body).catch(() => {})
  else destroy?.call(body)
}

function invalid(message: string): FailedAttempt {
  return new FailedAttempt('bad', new McaAuthError('DISCOVERY_INVALID', message))
}

/** `at` is compared too: a clock that was set back must not keep old metadata forever. */
function isWithin(at: number, ms: number): boolean {
  const now = Date.now()
  return now >= at && now < at + ms
}

const perFetch = new WeakMap<typeof globalThis.fetch, LRUCache<string, Discovery>>()

/** One per issuer and `fetch`, shared by the whole process. */
export function discoveryOf(issuer: string, fetch: typeof globalThis.fetch): Discovery {
  const known = perFetch.get(fetch) ?? new LRUCache<string, Discovery>({ max: 100 })
  perFetch.set(fetch, known)
  const discovery = known.get(issuer) ?? new Discovery(issuer, fetch)
  known.set(issuer, discovery)
  return discovery
}
