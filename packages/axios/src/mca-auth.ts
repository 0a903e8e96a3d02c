import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import {
  type BeginRequest,
  type ClientOptions,
  createRequestAuthorizer,
  type RequestAuthorization,
  type RequestAuthorizer,
} from '@mca-auth/core/adapter'
import { type Adapter, type AxiosConfig, requestOf } from './axios-config.js'
import { adapterFor, exchange } from './exchange.js'

/** The state of one `mcaAuth()` for the request of a config. */
interface Begun {
  readonly authorizer: RequestAuthorizer
  authorization: RequestAuthorization | undefined
  /** Begun by the interceptor, and not sent yet. */
  isFresh: boolean
}

/** The contents of our adapter: the caller's adapter, and every `mcaAuth()` of the client in order of precedence. */
interface Wrapped {
  readonly adapter: unknown
  readonly begun: readonly Begun[]
}

/** Made for each request: storing it in a private field of a function costs nothing, in a WeakMap a microsecond. */
const Given = function (this: unknown, value: object) {
  return value
} as unknown as new (
  value: object,
) => object

/** Adds a private field to an adapter of ours, so that printing a config shows no sign of us. */
class WrappedAdapter extends Given {
  readonly #wrapped: Wrapped

  constructor(adapter: Adapter, wrapped: Wrapped) {
    super(adapter)
    this.#wrapped = wrapped
  }

  static of(adapter: unknown): Wrapped | undefined {
    return typeof adapter === 'function' && #wrapped in adapter ? adapter.#wrapped : undefined
  }
}

// One class for all copies of this package and its ESM and CommonJS builds: a client may have interceptors of several, and
// the first one decides.
const name = Symbol.for('mca-auth.axios.1')
const shared = globalThis as { [key: symbol]: typeof WrappedAdapter | undefined }
shared[name] ??= WrappedAdapter
const Wrapper: typeof WrappedAdapter = shared[name]

/**
 * A request interceptor that attaches a cached access token to every request of an axios instance. If a token is
 * rejected, the request is resent once with a new one. It never writes to the config's headers.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @param clientOptions - with a provider: `origins`, `incoming`, `tokenRequest` and `allowInsecureRequests` of
 *   this client.
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
    const { adapter, begun = [] } = Wrapper.of(config.adapter) ?? { adapter: config.adapter }
    // axios runs interceptors in reverse order by default; the first one registered should win.
    const transitional = config.transitional as { legacyInterceptorReqResOrdering?: boolean } | undefined
    const inOrder = transitional?.legacyInterceptorReqResOrdering === false
    const before = begun.find((one) => one.authorizer === authorizer)?.authorization
    // The authenticator of IBM's SDKs calls this without a request.
    const isFresh = config.headers !== undefined
    const mine = {
      authorizer,
      authorization: isFresh ? begin(requestOf(config, adapter), authorizer, before) : before,
      isFresh,
    }
    const others = begun.filter((one) => one.authorizer !== authorizer)
    const wrapper = wrap(adapter, inOrder ? [...others, mine] : [mine, ...others])
    ;(config as AxiosConfig).adapter = wrapper
    return config
  }
}

function wrap(adapter: unknown, begun: readonly Begun[]): Adapter {
  const wrapper: Adapter = (config) => decide(config, adapter, begun)
  new Wrapper(wrapper, { adapter, begun })
  return wrapper
}

/**
 * A config is not a request: it may be used again for others. It continues the authorization of the request that failed
 * with it, if it is the same request. With another URL it keeps the caller's context, and after a success it keeps nothing.
 */
function begin(
  request: BeginRequest,
  authorizer: RequestAuthorizer,
  before: RequestAuthorization | undefined,
): RequestAuthorization | undefined {
  if (!before?.isUnfinished) return authorizer.begin(request)
  if (before.continues(request)) return before
  // In the context of the one before, unless the current context belongs to another incoming request.
  return before.belongsHere ? before.run(() => authorizer.begin(request)) : authorizer.begin(request)
}

/** Sends the request. The first `mcaAuth()` whose origins match decides. */
function decide(config: AxiosConfig, adapter: unknown, wrapped: readonly Begun[]): Promise<unknown> {
  const sending = requestOf(config, adapter)
  const begun = wrapped.map((one) => {
    const { authorizer, authorization: before, isFresh } = one
    one.isFresh = false
    // A later interceptor may have set the URL.
    if (isFresh && before !== undefined) return one
    const authorization = begin(sending, authorizer, before)
    return authorization === before ? one : { authorizer, authorization, isFresh: false }
  })
  // In case this config is sent again; the wrapped adapter may have become the default of an instance.
  if (begun.some((one, i) => one !== wrapped[i])) config.adapter = wrap(adapter, begun)
  const { authorization } = begun.find((one) => one.authorization?.applies) ?? (begun[0] as Begun)
  if (authorization === undefined || begun.some((one) => one.authorization === undefined)) {
    return adapterFor(config, adapter)(config)
  }
  return exchange({ config, adapter, authorization, sending })
}
