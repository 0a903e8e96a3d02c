import type { RequestAuthorization } from '@mca-auth/core/adapter'
import type { AxiosConfig } from './axios-config.js'
import type { AxiosResponse } from './conceal.js'

type Fetch = typeof globalThis.fetch

/** Whether a response may have come over redirects that we did not see. */
export interface RedirectWatch {
  areKnown(response: AxiosResponse, config: AxiosConfig): boolean
}

const idempotent = new Set(['get', 'head', 'options', 'trace', 'put', 'delete'])

/**
 * axios' fetch adapter does not say that it followed a redirect. Its fetch does: recent axios takes it from `env` of the
 * config. Otherwise a request is resent only if executing it twice does no harm.
 */
export function watchRedirects(sent: AxiosConfig, names: unknown, authorization: RequestAuthorization): RedirectWatch {
  let isWatched = false
  if (usesFetch(names)) {
    const env = sent.env as { readonly fetch?: Fetch } | undefined
    const watched: Fetch = async (input, init) => {
      const response = await (env?.fetch ?? globalThis.fetch)(input, init)
      isWatched = true
      if (response.redirected) authorization.redirected({ url: response.url, method: 'GET' })
      return response
    }
    sent.env = { ...env, fetch: watched }
  }
  return {
    areKnown: ({ request }, { method = 'get' }) =>
      isWatched || !isFetchRequest(request) || idempotent.has(method.toLowerCase()),
  }
}

/** Of a list, axios takes the first that the platform has: on Node.js that is not `xhr`. */
function usesFetch(adapter: unknown): boolean {
  return [adapter].flat().find((name) => String(name).toLowerCase() !== 'xhr') === 'fetch'
}

function isFetchRequest(request: unknown): boolean {
  return typeof (request as Request | null | undefined)?.clone === 'function'
}
