import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { type ClientOptions, createRequestAuthorizer } from '@mca-auth/core/adapter'
import { AuthorizedRequest, bindPages } from './authorized-request.js'
import type { GotOptions } from './got-options.js'

/** The argument of `got.extend()`. */
export interface GotExtension {
  /** Begins the authorization of each call. */
  readonly handlers: (<T>(options: unknown, next: (options: never) => T) => T)[]
  /** Notes the options of each page of a pagination. */
  readonly hooks: { readonly init: ((init: unknown, options: unknown) => void)[] }
}

/**
 * Options for `got.extend()` that attach a cached access token to every request. If a token is rejected, the request is
 * resent once with a new one. Streams are not resent, but the next request uses a new token.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @param clientOptions - with a provider: `origins`, `incoming`, `tokenRequest` and `allowInsecureRequests` of
 *   this client.
 * @throws TypeError for a bad option; McaAuthError if credentials are missing. If no token is available, a request
 *   rejects with got's `RequestError`, whose `code` and `cause` are McaAuthError's, and is not sent.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/got'
 * import got from 'got'
 *
 * const api = got.extend(mcaAuth({ origins: ['https://orders.example.com'] }))
 * await api('https://orders.example.com/orders').json()
 * ```
 */
export function mcaAuth(
  optionsOrProvider?: McaAuthOptions | TokenProvider,
  clientOptions?: ClientOptions,
): GotExtension {
  const authorizer = createRequestAuthorizer('got', optionsOrProvider, clientOptions)
  // got calls handlers within the caller's call, for promises, streams and pages. Hooks run later.
  const handler = <T>(options: unknown, next: (options: never) => T): T => {
    const given = options as GotOptions | undefined
    const request = given && AuthorizedRequest.begin(authorizer, given)
    const result = next(options as never)
    request?.watch(result)
    return result
  }
  return {
    handlers: [handler],
    hooks: { init: [(_init, options) => bindPages(authorizer, options as GotOptions)] },
  }
}
