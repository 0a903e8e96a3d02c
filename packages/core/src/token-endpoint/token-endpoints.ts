import { parseUrl } from '../origin.js'

/** How many live providers use each token endpoint: origin → path → count. */
type Endpoints = Map<string, Map<string, number>>

// Shared by every copy of this package in the process: token requests may travel through an adapter, and
// providers of two copies would wait for each other just like two of one copy.
const shared = globalThis as { [key: symbol]: Endpoints | undefined }
const name = Symbol.for('mca-auth.token-endpoints.1')
shared[name] ??= new Map()
const endpoints: Endpoints = shared[name]

/** Records that a provider uses this endpoint, until the returned function is called. */
export function registerTokenEndpoint(endpoint: URL): () => void {
  const { origin, pathname } = endpoint
  const paths = endpoints.get(origin) ?? new Map<string, number>()
  endpoints.set(origin, paths)
  paths.set(pathname, (paths.get(pathname) ?? 0) + 1)
  let registered = true
  return () => {
    if (!registered) return
    registered = false
    const left = (paths.get(pathname) ?? 1) - 1
    if (left > 0) paths.set(pathname, left)
    else paths.delete(pathname)
    if (paths.size === 0 && endpoints.get(origin) === paths) endpoints.delete(origin)
  }
}

/** The endpoints of one provider: its own, and those that it discovers. */
export class OwnEndpoints {
  readonly #free = new Map<string, () => void>()
  #closed = false

  add(endpoint: URL): void {
    const key = `${endpoint.origin}${endpoint.pathname}`
    if (!this.#closed && !this.#free.has(key)) this.#free.set(key, registerTokenEndpoint(endpoint))
  }

  free(): void {
    this.#closed = true
    for (const free of this.#free.values()) free()
  }
}

/** Whether any provider's token endpoint is on this origin. Cheap: called for every request. */
export function hasTokenEndpoint(origin: string): boolean {
  return endpoints.has(origin)
}

export function isTokenEndpoint(given: string | URL): boolean {
  const url = parseUrl(String(given))
  if (url === undefined) return false
  return endpoints.get(url.origin)?.has(url.pathname) ?? false
}
