// An adapter for a client that we do not support, written only from the documentation in packages/core/src/adapter.ts.
import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import {
  bodySnapshot,
  type ClientOptions,
  createRequestAuthorizer,
  originOf,
  type RequestAuthorization,
  requestBody,
  whileBodyWaits,
} from '@mca-auth/core/adapter'
import needle from 'needle'

const outermost = Symbol.for('mca-auth.request.1')
type Options = Record<string, unknown> & { [outermost]?: RequestAuthorization; signal?: AbortSignal }
export type Send = (method: string, url: string, data: unknown, options?: Options) => Promise<NeedleResponse>
type NeedleResponse = { statusCode: number; headers: Record<string, string>; body: unknown; raw: Buffer }

/** A `needle(method, url, data, options)` that carries a token. It follows redirects itself, as needle does. */
export function mcaAuth(auth?: McaAuthOptions | TokenProvider, rules?: ClientOptions, send: Send = needle): Send {
  const authorizer = createRequestAuthorizer('needle', auth, rules)
  return async (verb, address, data, options = {}) => {
    const headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    )
    // needle reads proxies from the environment, and turns `username` into a header.
    const isProxied = () => Boolean(options.proxy ?? process.env.HTTP_PROXY ?? process.env.http_proxy)
    const own = headers.authorization ?? options.username
    let sending = { url: address, method: verb.toUpperCase(), authorization: own, isProxied }
    const authorization = options[outermost]?.applies
      ? undefined
      : authorizer.begin({ ...sending, signal: options.signal })
    if (authorization === undefined) return send(verb, address, data, options)
    let body = requestBody(data)
    let next = body.first
    const first = authorization.headersFor(sending)
    if (first instanceof Promise && next === data) next = bodySnapshot(data)
    let ours = first instanceof Promise ? await whileBodyWaits(data, first) : first
    for (let hopsLeft = Number(options.follow_max ?? options.follow ?? 0); ; ) {
      const carried = { ...options, headers: { ...headers, ...ours }, follow_max: 0, [outermost]: authorization }
      const response = await send(sending.method, sending.url, next, carried).catch((error) => {
        authorization.failed()
        throw error
      })
      hideRequest(response)
      if (response.statusCode < 400 && response.headers.location && hopsLeft-- > 0) {
        const url = new URL(response.headers.location, sending.url).href
        if (originOf(url) !== originOf(sending.url)) for (const name of bound) delete headers[name]
        if (!options.follow_keep_method) body = requestBody(undefined)
        const method = options.follow_keep_method ? sending.method : 'GET'
        sending = { ...sending, url, method, authorization: headers.authorization }
        authorization.redirected(sending, { hopIsOurs: true, headers: response.headers })
      } else {
        const replayable = body.isReplayable
        const verdict = await authorization.responded(response.statusCode, response.headers, { replayable })
        if (verdict === 'deliver') return response
      }
      next = body.again()
      ours = await authorization.headersFor(sending)
    }
  }
}

const bound = ['authorization', 'cookie', 'proxy-authorization']

/** The response has a reference to Node's request, whose text contains the header. */
function hideRequest(response: NeedleResponse): void {
  const shown = () => ({ statusCode: response.statusCode, headers: response.headers, body: response.body })
  for (const name of ['toJSON', Symbol.for('nodejs.util.inspect.custom')]) {
    // Two of these may see one response.
    Object.defineProperty(response, name, { value: shown, configurable: true })
  }
}
