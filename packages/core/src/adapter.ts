/**
 * The protocol for adapters of HTTP clients.
 *
 * An adapter translates: it reports its client's events to core, and carries out core's decisions. It makes no decisions
 * itself. Which request gets a token, what a redirect means, and when a request is resent is decided in core, so
 * that it is the same for every client.
 *
 * ## Words
 *
 * A *request* is made by the caller. It may be *sent* several times: as the caller made it, again for each hop of a
 * redirect, again when some layer retries it, again when its token was rejected or lacks scope. Each of these is a
 * *sending*. A *resend* is a sending that core demands.
 *
 * There is one {@link RequestAuthorizer} for each `mcaAuth()`, made by {@link createRequestAuthorizer} when `mcaAuth()`
 * is called. There is one {@link RequestAuthorization} for each request.
 *
 * ## The calls, in their order
 *
 * ```text
 * begin  →  headersFor  →  responded: 'deliver'        the caller gets the response
 *             ↑      ↓
 *             ├── responded: 'resend'                  send the same again
 *             ├── redirected                           send the next hop
 *             └── failed                               a layer may retry it, or the caller gets the error
 * ```
 *
 * 1. `begin()`, in the first code of yours that the client runs, before you await anything. It captures everything that
 *    must not change while a token is awaited: the incoming request's token, the async context, the choice of the option
 *    `tokenRequest`. Copy URL, method and headers yourself at the same time. It returns `undefined` for a request that no
 *    adapter may touch, such as a token request: pass it on unchanged. It never throws.
 * 2. `headersFor()`, for each sending, when its URL and headers are final. Set the headers that it returns, and remove
 *    those that you set for an earlier sending and that are missing now. Pass the `Authorization` that the *caller* set,
 *    or `undefined`: that one wins. If it returns a promise, a token must be awaited: wait with
 *    {@link whileBodyWaits}, which watches a body that could fail meanwhile, and send a {@link bodySnapshot}. If the promise
 *    rejects, do not send the request; the error goes to the caller. A client that has its own error class wraps it,
 *    with the same `code`. On a redirect hop and for a resend it never returns a promise, but it may throw on a hop.
 * 3. `redirected()`, for each redirect that is followed, before `headersFor()` of the hop, with the `headers` of the
 *    response, unless `responded()` has had them. With `hopIsOurs: true` if the
 *    adapter sends the hop, or sees it being sent. If the client follows by itself and only reports it afterwards, call it
 *    without `hopIsOurs`, before `responded()`: then the request is never resent, since the original may have been carried out.
 * 4. `responded()`, for a final response. `replayable` comes from {@link requestBody}. Give it before the caller sees the
 *    response, and keep the response until the verdict is there. For `'resend'`, first discard the response in a way
 *    that frees its connection, then call `headersFor()` again, and send `body.again()`. If it rejects, the caller has
 *    aborted: pass the reason on. An error that carries a status is a response too. One request may be resent several times:
 *    for a nonce, for more scope, and for a rejected token, each once.
 * 5. `failed()`, when a sending ends without a response.
 *
 * `applies` is `false` if the option `origins` does not list the request's origin. Call `headersFor()` anyway, because it
 * reports why a request goes without a token.
 *
 * ## What else an adapter must do
 *
 * - **Two `mcaAuth()` on one client.** The first whose `applies` is true decides, even if it decides to send no token. Pass
 *   the authorization on with the request, in an enumerable property `Symbol.for('mca-auth.request.1')` that layers copy.
 *   An adapter that finds one there whose `applies` is true passes the request on unchanged.
 * - **Bodies.** {@link requestBody} decides what can be sent twice. Send its `first`, not the body that it was given.
 * - **Connections.** If the adapter can choose the connection of a sending: after `headersFor()`, `certificate` of the
 *   authorization is the client certificate that the connection needs. Use its `agent`, or add its `tlsOptions()` to those of
 *   the connection, unless the caller has chosen an agent or a certificate. The next sending may need another one, or none.
 * - **Secrets.** Check what `inspect` at any depth and `JSON.stringify` show of your client's responses and errors. If they
 *   show the request, hide it, or the property that leads to it.
 * - **Layers that send a request again without you** (retry, redirect, in clients such as undici): see
 *   {@link RequestAuthorizer.beginOrContinue} and {@link RequestAuthorizer.runEnd}.
 * - **A client that hides something.** Its origin: leave `url` out. Redirects that it follows: `hidesRedirects`. If it uses
 *   a Unix socket: `origin: unixSocket`. If it may go through a proxy: `isProxied`, in case of doubt `() => true`. If it has a base
 *   URL: `base`.
 *
 * @example A whole adapter, for a client whose calls are one function. It follows redirects of status 303 by itself; those
 * that keep the body take `body.again()` along, if `body.isReplayable`.
 * ```ts
 * import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
 * import {
 *   bodySnapshot,
 *   type ClientOptions,
 *   createRequestAuthorizer,
 *   originOf,
 *   type RequestAuthorization,
 *   requestBody,
 *   whileBodyWaits,
 * } from '@mca-auth/core/adapter'
 *
 * interface Options {
 *   method?: string
 *   headers?: Record<string, string>
 *   body?: string | Uint8Array | AsyncIterable<Uint8Array>
 *   signal?: AbortSignal
 *   maxRedirects?: number
 *   [outermost]?: RequestAuthorization
 * }
 * interface Response {
 *   status: number
 *   headers: Record<string, string>
 *   destroy(): void
 * }
 * type Send = (url: string, options?: Options) => Promise<Response>
 *
 * const outermost = Symbol.for('mca-auth.request.1')
 *
 * export function mcaAuth(send: Send, auth?: McaAuthOptions | TokenProvider, clientOptions?: ClientOptions): Send {
 *   const authorizer = createRequestAuthorizer('my-client', auth, clientOptions)
 *   return async (url, options = {}) => {
 *     const headers = new Headers(options.headers)
 *     const authorizationOfCaller = headers.get('authorization') ?? undefined
 *     let sending = { url, method: options.method ?? 'GET', authorization: authorizationOfCaller }
 *     const authorization = options[outermost]?.applies
 *       ? undefined
 *       : authorizer.begin({ ...sending, signal: options.signal })
 *     if (authorization === undefined) return send(url, options)
 *
 *     let body = requestBody(options.body)
 *     let next = body.first
 *     const first = authorization.headersFor(sending)
 *     if (first instanceof Promise && next === options.body) next = bodySnapshot(next)
 *     let added = first instanceof Promise ? await whileBodyWaits(options.body, first) : first
 *     for (let redirects = 0; ; ) {
 *       const sent = {
 *         ...options,
 *         method: sending.method,
 *         headers: { ...Object.fromEntries(headers), ...added },
 *         body: next as Options['body'],
 *         maxRedirects: 0,
 *         [outermost]: authorization,
 *       }
 *       const response = await send(sending.url, sent as Options).catch((error) => {
 *         authorization.failed()
 *         throw error
 *       })
 *       const { location } = response.headers
 *       if (response.status === 303 && location !== undefined && redirects++ < (options.maxRedirects ?? 0)) {
 *         const target = new URL(location, sending.url).href
 *         if (originOf(target) !== originOf(sending.url)) headers.delete('authorization')
 *         const authorizationOfHop = headers.get('authorization') ?? undefined
 *         sending = { url: target, method: 'GET', authorization: authorizationOfHop }
 *         authorization.redirected(sending, { hopIsOurs: true, headers: response.headers })
 *         body = requestBody(undefined)
 *       } else {
 *         const replayable = body.isReplayable
 *         const verdict = await authorization.responded(response.status, response.headers, { replayable })
 *         if (verdict === 'deliver') return response
 *       }
 *       response.destroy()
 *       next = body.again()
 *       added = await authorization.headersFor(sending)
 *     }
 *   }
 * }
 * ```
 *
 * What happens to a redirect, a 401 and an error, as a user sees it, is in `docs/one-request.md`. `errorsIn`,
 * `findCredentials`, `partOf`, `platformReaders`, `withService`, `hasStaticSecret`, `loadSecretMask` and `nearestName` are for the
 * command line, not for adapters.
 *
 * @module
 */

export { errorsIn } from './authorization/challenge.js'
export { conceal, concealIn } from './authorization/conceal.js'
export { unixSocket } from './authorization/origin-rule.js'
export type { OutgoingRequest } from './authorization/outgoing-request.js'
export type { RequestAuthorization } from './authorization/request-authorization.js'
export type { RequestAuthorizer } from './authorization/request-authorizer.js'
export {
  bodySnapshot,
  isReusable,
  maxRecordedBytes,
  type RequestBody,
  requestBody,
  whileBodyWaits,
} from './authorization/request-body.js'
export { headerValues, type ResponseHeaders } from './authorization/response-headers.js'
export type { AuthorizationHeaders, BeginRequest, Sending, Verdict } from './authorization/sending.js'
export { type ClientOptions, createRequestAuthorizer } from './create-request-authorizer.js'
export { partOf } from './credentials/credential-part.js'
export { type Found, type FoundCredentials, findCredentials } from './credentials/credentials.js'
export { platformReaders } from './credentials/platform/platform-readers.js'
export type { PlatformReader } from './credentials/platform/service-instance.js'
export type { Server } from './credentials/server.js'
export { originOf, parseUrl } from './origin.js'
export { withService } from './service-options.js'
export { hasStaticSecret } from './static-secret.js'
export { loadSecretMask } from './token-endpoint/load-secret-mask.js'
export { nearestName } from './validate.js'
