import { LRUCache } from 'lru-cache'
import type { SubjectToken } from '../credentials/subject-token.js'
import { parseUrl } from '../origin.js'
import { list, nonEmptyString, record, rejectUnknownKeys } from '../validate.js'

/** The token that is requested. Fields that are left out come from the provider's options. */
export interface TokenRequest {
  /** Scopes, space-separated or as a list (RFC 6749 §3.3). */
  readonly scope?: string | readonly string[] | undefined
  /** Resource indicators, absolute URIs (RFC 8707). */
  readonly resource?: string | readonly string[] | undefined
  /** Further parameters of the token request, e.g. `{ audience: '…' }`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

/** A token request, copied, checked, frozen and keyed, so that the hot path only looks up its key. */
export interface PreparedTokenRequest {
  /** Equal for requests that yield the same token within one provider. */
  readonly key: string
  readonly parameters: URLSearchParams
  /** The caller on whose behalf it is made, if not on the service's own. */
  readonly subject?: SubjectToken
}

/** The same token request on behalf of a subject. A form never contains a bare `#`, so no other key is equal to this one. */
export function onBehalfOf({ key, parameters }: PreparedTokenRequest, subject: SubjectToken): PreparedTokenRequest {
  return { key: `${key}&#=${subject.digest}`, parameters, subject }
}

/** The token requests of one provider. Those that name one scope or one resource are prepared once, not at each call. */
export class PreparedTokenRequests {
  /** The token request of a caller that does not specify one. */
  readonly standard: PreparedTokenRequest
  readonly #defaults: TokenRequest
  readonly #size: number
  /** By scope and by resource; created when needed. */
  readonly #known: { [name in 'scope' | 'resource']?: LRUCache<string, PreparedTokenRequest> } = {}

  constructor(defaults: TokenRequest, size: number) {
    this.standard = prepareTokenRequest(defaults)
    this.#defaults = defaults
    this.#size = size
  }

  /** @throws TypeError for anything that is not a token request. */
  get(request: TokenRequest | undefined): PreparedTokenRequest {
    if (request === undefined) return this.standard
    const name = onlyField(request)
    const value = name && request[name]
    if (name === undefined || typeof value !== 'string') return prepareTokenRequest(request, this.#defaults)
    this.#known[name] ??= new LRUCache({ max: this.#size })
    const known = this.#known[name]
    let prepared = known.get(value)
    if (prepared === undefined) {
      prepared = prepareTokenRequest(request, this.#defaults)
      known.set(value, prepared)
    }
    return prepared
  }
}

function onlyField(request: TokenRequest): 'scope' | 'resource' | undefined {
  let only: string | undefined
  for (const name in request) {
    if (name === 'signal') continue
    if (only !== undefined) return undefined
    only = name
  }
  return only === 'scope' || only === 'resource' ? only : undefined
}

/** A caller's `signal` is in the same object, but is not part of the token request. */
const requestFields = ['scope', 'resource', 'parameters', 'signal']
const reserved = ['grant_type', 'client_id', 'client_secret', 'scope', 'resource']

/** @throws TypeError for anything that is not a token request. */
export function prepareTokenRequest(request: TokenRequest, defaults: TokenRequest = {}): PreparedTokenRequest {
  record('the token request', request)
  rejectUnknownKeys('token request field', request, requestFields)
  const parameters = new URLSearchParams()
  const scopes = scopeList(request.scope ?? defaults.scope)
  if (scopes.length > 0) parameters.set('scope', scopes.join(' '))
  for (const resource of resourceList(request.resource ?? defaults.resource)) parameters.append('resource', resource)
  const further = Object.entries(furtherParameters(request.parameters ?? defaults.parameters))
  for (const [name, value] of further.sort(([a], [b]) => (a < b ? -1 : 1))) parameters.set(name, value)
  // Scopes are a set (RFC 6749 §3.3), so their order does not matter.
  const keyed = new URLSearchParams(parameters)
  if (scopes.length > 0) keyed.set('scope', [...new Set(scopes)].sort().join(' '))
  return Object.freeze({ key: keyed.toString(), parameters })
}

function scopeList(scope: TokenRequest['scope']): string[] {
  return list('scope', scope).flatMap((entry) => entry.split(' ').filter((part) => part !== ''))
}

function resourceList(resource: TokenRequest['resource']): string[] {
  return list('resource', resource).map((uri) => {
    if (parseUrl(uri) === undefined || uri.includes('#')) {
      throw new TypeError('`resource` must be an absolute URI without a fragment (RFC 8707 §2)')
    }
    return uri
  })
}

function furtherParameters(parameters: TokenRequest['parameters']): Readonly<Record<string, string>> {
  if (parameters === undefined) return {}
  record('`parameters`', parameters)
  for (const [name, value] of Object.entries(parameters)) {
    if (reserved.includes(name))
      throw new TypeError(`\`parameters\` must not contain \`${name}\`: it has its own option`)
    nonEmptyString(`parameters.${name}`, value)
  }
  return parameters
}
