import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import {
  type ClientOptions,
  createRequestAuthorizer,
  type RequestAuthorization,
  type RequestAuthorizer,
} from '@mca-auth/core/adapter'
import { type Adapter, type AxiosConfig, requestOf } from './axios-config.js'
import { type AxiosCopy, axiosCopyOf } from './axios-copy.js'
import { type Exchange, exchange } from './exchange.js'

/** What one `mcaAuth()` knows of the request of a config. */
interface Begun {
  readonly authorizer: RequestAuthorizer
  authorization: RequestAuthorization | undefined
  /** Begun by the interceptor, and not sent yet. */
  isFresh: boolean
}

/** What our adapter wraps: the caller's adapter, and every `mcaAuth()` of the client in order of precedence. */
interface Wrapped {
  readonly adapter: unknown
  readonly begun: readonly Begun[]
}

/** Not on the adapter functions themselves, so that printing a config shows no sign of us. */
const wrappedBy = new WeakMap<object, Wrapped>()

/**
 * A request interceptor that attaches a cached access token to every request of an axios instance. If a token is
 * rejected, the request is resent once with a new one. It never writes to the config's headers.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @param clientOptions - with a provider: `origins`, `incoming` and `tokenRequest` of this client.
 * @throws TypeError for a bad option; McaAuthError if credentials are missing. If no token is available, a request
 *   rejects with an `AxiosError` whose `code` and `cause` are McaAuthError's, and is not sent.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/axios'
 * import axios from 'axios'
 *
 * axios.interceptors.request.use(mcaAuth({ origins: ['https://orders.example.com'] }))
 * await axios.get('https://orders.example.com/orders')
 * ```
 */
export function mcaAuth(
  optionsOrProvider?: McaAuthOptions | TokenProvider,
  clientOptions?: ClientOptions,
): <C extends AxiosConfig>(config: C) => C {
  const authorizer = createRequestAuthorizer('axios', optionsOrProvider, clientOptions)
  return (config) => {
    const { adapter, begun = [] } = wrapped(config.adapter) ?? { adapter: config.adapter }
    // axios runs interceptors in reverse order by default; the first one registered should win.
    const transitional = config.transitional as { legacyInterceptorReqResOrdering?: boolean } | undefined
    const inOrder = transitional?.legacyInterceptorReqResOrdering === false
    const before = begun.find((one) => one.authorizer === authorizer)?.authorization
    // The authenticator of IBM's SDKs calls this without a request.
    const isFresh = config.headers !== undefined
    const mine = { authorizer, authorization: isFresh ? begin(config, adapter, authorizer, before) : before, isFresh }
    const others = begun.filter((one) => one.authorizer !== authorizer)
    const wrapper = wrap(adapter, inOrder ? [...others, mine] : [mine, ...others])
    ;(config as AxiosConfig).adapter = wrapper
    return config
  }
}

function wrapped(adapter: unknown): Wrapped | undefined {
  return typeof adapter === 'function' ? wrappedBy.get(adapter) : undefined
}

function wrap(adapter: unknown, begun: readonly Begun[]): Adapter {
  const wrapper: Adapter = (config) => decide(config, adapter, begun)
  wrappedBy.set(wrapper, { adapter, begun })
  return wrapper
}

/**
 * A config is not a request: it is used again for others, too. It continues the authorization of the request that failed
 * with it, if it is the same one. With another URL it keeps the caller's context, and after a success it keeps nothing.
 */
function begin(
  config: AxiosConfig,
  adapter: unknown,
  authorizer: RequestAuthorizer,
  before: RequestAuthorization | undefined,
): RequestAuthorization | undefined {
  const request = requestOf(config, adapter)
  if (!before?.isUnfinished) return authorizer.begin(request)
  if (before.continues(request)) return before
  // In the context of the one before, unless somebody else's request is served here.
  return before.belongsHere ? before.run(() => authorizer.begin(request)) : authorizer.begin(request)
}

/** Finds the caller's adapter, which may be given by name, and the first `mcaAuth()` whose origins match. */
function decide(config: AxiosConfig, adapter: unknown, wrapped: readonly Begun[]): Promise<unknown> {
  const begun = wrapped.map((one) => {
    const { authorizer, authorization: before, isFresh } = one
    one.isFresh = false
    // Another interceptor may have given the URL since.
    const isBegun = isFresh && before !== undefined
    return { authorizer, authorization: isBegun ? before : begin(config, adapter, authorizer, before), isFresh: false }
  })
  // For whoever sends this config again; the wrapped adapter may have become the default of an instance.
  if (wrapped.some(({ authorization }, i) => authorization !== begun[i]?.authorization))
    config.adapter = wrap(adapter, begun)
  const isAuthorized = begun.every(({ authorization }) => authorization !== undefined)
  const { authorization } = begun.find((one) => one.authorization?.applies) ?? (begun[0] as Begun)
  const send = (adapterFor: Exchange['adapterFor']) =>
    authorization !== undefined && isAuthorized
      ? exchange({ config, adapterFor, names: adapter, authorization, sending: requestOf(config, adapter) })
      : adapterFor(config)(config)
  if (typeof adapter === 'function') return send(() => adapter as Adapter)
  const lookUp = (axios: AxiosCopy) => send((sent) => axios.getAdapter(adapter ?? axios.defaults.adapter, sent))
  const axios = axiosCopyOf(config.headers)
  return axios instanceof Promise ? axios.then(lookUp) : lookUp(axios)
}
