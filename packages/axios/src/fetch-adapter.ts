import type { RequestAuthorization } from '@mca-auth/core/adapter'
import { type AxiosConfig, usesFetch } from './axios-config.js'
import type { AxiosResponse } from './conceal.js'

type Fetch = typeof globalThis.fetch

const idempotent = new Set(['get', 'head', 'options', 'trace', 'put', 'delete'])
/** The final URL of each request, by the `Request` that axios made. */
const endings = new WeakMap<object, Response>()
/** One for each fetch, since axios keeps what it derives from an `env` forever. */
const watched = new WeakMap<Fetch, Fetch>()

const watchedGlobal = watch((input, init) => globalThis.fetch(input, init))

function watch(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    if (typeof input === 'object') endings.set(input, response)
    return response
  }
}

/**
 * axios' fetch adapter does not say that it followed a redirect. Its fetch does: recent axios takes it from `env` of the
 * config.
 */
export function watchRedirects(sent: AxiosConfig, names: unknown): void {
  if (!usesFetch(names)) return
  const env = sent.env as { readonly fetch?: Fetch } | undefined
  sent.env = { ...env, fetch: watchedFetch(env?.fetch) }
}

function watchedFetch(fetch: Fetch | undefined): Fetch {
  if (fetch === undefined) return watchedGlobal
  const known = watched.get(fetch) ?? watch(fetch)
  watched.set(fetch, known)
  return known
}

/**
 * Reports a redirect that the fetch adapter followed. Returns whether the request may be resent: if its redirects could
 * not be seen, only if it does no harm to execute it twice.
 */
export function reportRedirect(
  { request }: AxiosResponse,
  { method = 'get' }: AxiosConfig,
  authorization: RequestAuthorization,
): boolean {
  if (typeof (request as Request | null | undefined)?.clone !== 'function') return true
  const ending = endings.get(request as Request)
  if (ending?.redirected) authorization.redirected({ url: ending.url, method: 'GET' })
  return ending !== undefined || idempotent.has(method.toLowerCase())
}
