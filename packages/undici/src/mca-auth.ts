import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { type ClientOptions, createRequestAuthorizer, requestBody } from '@mca-auth/core/adapter'
import { AuthorizedRequest } from './authorized-request.js'
import { type Dispatch, type DispatchOptions, outermost, targetOf } from './dispatch-options.js'
import type { Handler } from './handler.js'
import { headerOf, readableHeaders } from './headers.js'

/** An interceptor of undici, whose types differ between versions. */
type InnerDispatch = (options: never, handler: never) => boolean

/**
 * An undici interceptor that attaches a cached access token to every request. If a token is rejected, the request is
 * resent once with a new one. For `request`, `stream`, `pipeline`, `fetch` with a dispatcher, and `setGlobalDispatcher`;
 * `fetch` needs the option `origins`.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @param clientOptions - with a provider: `origins`, `incoming`, `tokenRequest` and `allowInsecureRequests` of
 *   this client.
 * @throws TypeError for a bad option; McaAuthError if credentials are missing. If no token is available, a request fails
 *   with McaAuthError and is not sent.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/undici'
 * import { Agent, request } from 'undici'
 *
 * const dispatcher = new Agent().compose(mcaAuth({ origins: ['https://orders.example.com'] }))
 * await request('https://orders.example.com/orders', { dispatcher })
 * ```
 */
export function mcaAuth(
  optionsOrProvider?: McaAuthOptions | TokenProvider,
  clientOptions?: ClientOptions,
): (dispatch: InnerDispatch) => Dispatch {
  const authorizer = createRequestAuthorizer('undici', optionsOrProvider, clientOptions)
  return (inner) => {
    const dispatch = inner as Dispatch
    // undici 6 and 8 check that a composed dispatch takes two arguments.
    return (options: DispatchOptions, handler: Handler) => {
      const outer = options[outermost]
      if (options.method === 'CONNECT' || outer?.applies) return dispatch(options, handler)
      const headers = readableHeaders(options.headers)
      const fetchMode = headerOf(headers, 'sec-fetch-mode')
      const identity = outer ?? handler
      const { origin, url, dispatched } = targetOf(options, authorizer.soleOrigin)
      const sending = {
        origin,
        url,
        dispatched,
        method: options.method ?? 'GET',
        authorization: headerOf(headers, 'authorization'),
        signal: options.signal instanceof AbortSignal ? options.signal : undefined,
        // fetch dispatches each hop of a redirect separately; a WebSocket does not follow redirects.
        hidesRedirects: fetchMode !== undefined && String(fetchMode) !== 'websocket',
      }
      const authorization = authorizer.beginOrContinue(identity, sending)
      if (authorization === undefined) return dispatch(asRead(options, headers), handler)
      const request = { authorizer, authorization, identity, sending, headers, dispatch }
      return new AuthorizedRequest(request, options, requestBody(options.body)).send(handler)
    }
  }
}

/** An iterator among the headers can be read only once, and has been. */
function asRead(options: DispatchOptions, headers: unknown): DispatchOptions {
  return options.headers == null || options.headers === headers ? options : { ...options, headers }
}
