import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { Attachment, originOf, type PreparedTokenRequest } from '@mca-auth/core/adapter'
import { fail, type Handler } from './handler.js'
import { tokenHandler } from './handlers.js'
import { hasAuthorization, type ReadableHeaders, readableHeaders } from './headers.js'
import { RedirectMarks } from './redirect-marks.js'

/** The part of undici's dispatch options that is read here; structural, so that undici 6, 7 and 8 fit. */
export interface DispatchOptions {
  readonly origin?: string | URL | undefined
  readonly path: string
  readonly method?: string | undefined
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: unknown
}

/** A dispatch of ours, whichever kind of handler it is given. */
export type Dispatch = (options: DispatchOptions, handler: object) => boolean

/** One of undici's, whose types differ between its versions. */
type InnerDispatch = (options: never, handler: never) => boolean

/**
 * An undici interceptor that attaches a cached access token to every request, and sends a request whose token was
 * refused once more. For `request`, `stream`, `pipeline`, `fetch` with a dispatcher, and `setGlobalDispatcher`; with
 * the latter, say in `origins` where the token may go.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @throws TypeError for a bad option; McaAuthError where credentials are missing. Requests fail with McaAuthError where
 *   no token can be had, and are not sent.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/undici'
 * import { Agent, request } from 'undici'
 *
 * const dispatcher = new Agent().compose(mcaAuth({ origins: ['https://orders.example.com'] }))
 * await request('https://orders.example.com/orders', { dispatcher })
 * ```
 */
export function mcaAuth(optionsOrProvider?: McaAuthOptions | TokenProvider): (dispatch: InnerDispatch) => Dispatch {
  const attachment: Attachment<DispatchOptions> = new Attachment<DispatchOptions>(optionsOrProvider, (options) => ({
    url: new URL(options.path, originOption(options) ?? onlyOrigin),
    method: options.method ?? 'GET',
  }))
  const onlyOrigin: string | undefined = attachment.origins?.size === 1 ? [...attachment.origins][0] : undefined
  const marks = attachment.origins === undefined ? new RedirectMarks() : undefined

  return (inner) => {
    const dispatch = inner as Dispatch
    const via = { dispatch, attachment, marks }
    // undici 6 and 8 check that a composed dispatch takes two arguments.
    return (options: DispatchOptions, handler: Handler) => {
      if (options.method === 'CONNECT') return dispatch(options, handler)
      const origin = originOption(options) ?? onlyOrigin
      const headers = readableHeaders(options.headers)
      const own = hasAuthorization(headers)
      if (origin === undefined) return own ? dispatch(options, handler) : refuse(handler, hiddenOrigin())
      if (attachment.excludes(origin) || attachment.isTokenEndpoint(origin, options)) return dispatch(options, handler)

      const hop = marks?.take(origin, options.path) ?? false
      let request: PreparedTokenRequest | undefined
      try {
        request = hop ? undefined : attachment.claim(origin, options, own)
      } catch (error) {
        return refuse(handler, error)
      }
      const ours = tokenHandler(handler, via, options, origin, hop)
      return request === undefined ? dispatch(asRead(options, headers), ours) : ours.send(request, headers)
    }
  }
}

function originOption({ origin }: DispatchOptions): string | undefined {
  return origin === undefined || origin === null ? undefined : originOf(origin)
}

/** An iterator among headers can be read once, and has been. */
function asRead(options: DispatchOptions, headers: ReadableHeaders): DispatchOptions {
  return options.headers == null || options.headers === headers ? options : { ...options, headers }
}

function refuse(handler: Handler, error: unknown): boolean {
  queueMicrotask(() => fail(handler, error))
  return true
}

function hiddenOrigin(): TypeError {
  return new TypeError(
    'a Client or Pool of undici 6 and 7 hides its origin: set `origins` to that one origin, or compose an Agent',
  )
}
