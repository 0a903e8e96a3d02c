import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { type ClientOptions, createRequestAuthorizer } from '@mca-auth/core/adapter'
import { type Fetch, type Init, outermost, readCall } from './call.js'
import { Exchange } from './exchange.js'
import { type AnyFetch, GlobalFetch } from './global-fetch.js'

/** Rules of this client, if it shares its provider with others, and the fetch that sends its requests. */
export interface FetchClientOptions extends ClientOptions {
  /**
   * Sends the requests: node-fetch, undici's `fetch`, one that retries or caches. It must support `redirect: 'manual'`,
   * since redirects are followed by the adapter then.
   * @default the global `fetch`, looked up at each call
   */
  readonly fetch?: Fetch | undefined
}

/**
 * A `fetch` that attaches a cached access token to every request. If a token is rejected, the request is resent once with
 * a new one. For everything that takes a `fetch`: ky, ofetch, openapi-fetch, SDKs.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @param clientOptions - `fetch`; with a provider also `origins`, `incoming`, `tokenRequest` and `allowInsecureRequests` of
 *   this client.
 * @throws TypeError for a bad option; McaAuthError if credentials are missing. If no token is available, a call rejects
 *   with McaAuthError and is not sent.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/fetch'
 *
 * const fetch = mcaAuth({ origins: ['https://orders.example.com'] })
 * await fetch('https://orders.example.com/orders')
 * ```
 */
export function mcaAuth(
  optionsOrProvider?: McaAuthOptions | TokenProvider,
  clientOptions: FetchClientOptions = {},
): Fetch {
  const { fetch: given, ...rules } = (clientOptions ?? {}) as FetchClientOptions
  // Unchanged if possible: the copy of a promise or a Map would be empty, and its error would be lost.
  const checked = Object.hasOwn(clientOptions ?? {}, 'fetch') ? rules : (clientOptions ?? {})
  if (given !== undefined && typeof given !== 'function') throw new TypeError('`fetch` must be a function')
  const globalFetch = new GlobalFetch()
  const authorizer = createRequestAuthorizer('fetch', optionsOrProvider, checked)

  // Nothing is awaited before the call is read or, with a cached token, before it is sent.
  const authorizedFetch = async (input: unknown, init?: unknown): Promise<Response> => {
    const fetch = (given as AnyFetch | undefined) ?? globalFetch.lookUp(input, init)
    if (fetch === undefined) return globalFetch.before(input, init)
    if ((init as Init | null | undefined)?.[outermost]?.applies) return fetch(input, init)
    const call = readCall(input, init)
    // The fetch itself reports what is wrong with a URL or an init that cannot be read.
    if (call === undefined) return fetch(input, init)
    const isRejected = given === undefined && call.hasInvalidHeaders
    const authorization = isRejected ? undefined : authorizer.begin(call.sending)
    if (authorization === undefined) return fetch(input, call.untouchedInit)
    const headers = authorization.headersFor(call.sending)
    if (!authorization.applies) return fetch(input, call.untouchedInit)
    const carriesToken = headers instanceof Promise || headers.authorization !== undefined
    // No token is a decision too: another mcaAuth() beneath must not add its own.
    if (!carriesToken && given === undefined) return fetch(input, { ...call.members, [outermost]: authorization })
    return new Exchange(call, authorization, fetch, given !== undefined).run(headers)
  }
  globalFetch.register(authorizedFetch)
  return authorizedFetch as Fetch
}
