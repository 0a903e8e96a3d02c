import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { Attachment, originOf, unixSocket } from '@mca-auth/core/adapter'
import { type AxiosCopy, axiosCopyOf } from './axios-copy.js'
import { type Adapter, type AxiosConfig, send } from './send.js'

/** What an adapter of ours wraps: the caller's adapter, and the attachments in the order in which they are asked. */
interface Wrapped {
  readonly adapter: unknown
  readonly attachments: readonly Attachment<AxiosConfig>[]
}

/** Beside the adapter functions, so that printing a config shows nothing of ours. */
const wrappedBy = new WeakMap<object, Wrapped>()

/**
 * A request interceptor that attaches a cached access token to every request of an axios instance, and sends a request
 * whose token was refused once more. It never writes to the config's headers.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @throws TypeError for a bad option; McaAuthError where credentials are missing. Requests reject with McaAuthError
 *   where no token can be had, and are not sent.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/axios'
 * import axios from 'axios'
 *
 * axios.interceptors.request.use(mcaAuth({ origins: ['https://orders.example.com'] }))
 * await axios.get('https://orders.example.com/orders')
 * ```
 */
export function mcaAuth(optionsOrProvider?: McaAuthOptions | TokenProvider): <C extends AxiosConfig>(config: C) => C {
  const attachment = new Attachment<AxiosConfig>(optionsOrProvider, (config) => ({
    url: new URL(targetOf(config)),
    method: (config.method ?? 'get').toUpperCase(),
  }))
  // The requests of a client mostly share one adapter, and so the one that wraps it.
  let last: { readonly adapter: unknown; readonly inOrder: boolean; readonly wrapped: Adapter } | undefined
  return (config) => {
    const { adapter } = config
    // axios runs the interceptor registered last first, unless told otherwise; the one registered first is to win.
    const transitional = config.transitional as { legacyInterceptorReqResOrdering?: boolean } | undefined
    const inOrder = transitional?.legacyInterceptorReqResOrdering === false
    if (last === undefined || last.inOrder !== inOrder || !isSameAdapter(last.adapter, adapter)) {
      last = { adapter, inOrder, wrapped: wrap(adapter, inOrder, attachment) }
    }
    ;(config as AxiosConfig).adapter = last.wrapped
    return config
  }
}

/** Adapters given by name come as a new list with each config. */
function isSameAdapter(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false
  return one.every((name, i) => name === other[i])
}

/** A config that is sent again already has our adapter: it neither nests nor asks the same attachment twice. */
function wrap(adapter: unknown, inOrder: boolean, attachment: Attachment<AxiosConfig>): Adapter {
  const before = typeof adapter === 'function' ? wrappedBy.get(adapter) : undefined
  if (before?.attachments.includes(attachment)) return adapter as Adapter
  const others = before?.attachments ?? []
  const attachments = inOrder ? [...others, attachment] : [attachment, ...others]
  const inner = before === undefined ? adapter : before.adapter
  const ours: Adapter = (sent) => withAdapter(inner, sent, (found) => attach(sent, attachments, found))
  wrappedBy.set(ours, { adapter: inner, attachments })
  return ours
}

/** Finds the caller's adapter, which may be given by name; at once but for the first time. */
function withAdapter(
  adapter: unknown,
  config: AxiosConfig,
  use: (adapter: Adapter) => Promise<unknown>,
): Promise<unknown> {
  if (typeof adapter === 'function') return use(adapter as Adapter)
  const lookUp = (axios: AxiosCopy) => use(axios.getAdapter(adapter ?? axios.defaults.adapter, config))
  const axios = axiosCopyOf(config.headers)
  return axios instanceof Promise ? axios.then(lookUp) : lookUp(axios)
}

function attach(
  config: AxiosConfig,
  attachments: readonly Attachment<AxiosConfig>[],
  adapter: Adapter,
): Promise<unknown> {
  const target = targetOf(config)
  const origin = config.socketPath ? unixSocket : originOf(target)
  // axios itself says what is wrong with a URL that has none.
  if (origin === undefined) return adapter(config)
  const own = hasOwnAuthorization(config, target)
  try {
    for (const attachment of attachments) {
      const request = attachment.claim(origin, config, own)
      if (request !== undefined) return send({ config, adapter, attachment, request, origin })
    }
  } catch (error) {
    return Promise.reject(error)
  }
  return adapter(config)
}

/** `false` and `null` are an axios caller's ways to say "none". */
function hasOwnAuthorization(config: AxiosConfig, target: string): boolean {
  return config.headers.has('Authorization') || config.auth != null || /^[^/?#]*\/\/[^/?#]*@/.test(target)
}

/** As axios combines them, as far as the origin and path go. */
function targetOf({ url = '', baseURL, allowAbsoluteUrls, socketPath }: AxiosConfig): string {
  const text = String(url)
  const absolute = /^([a-z][a-z\d+\-.]*:)?\/\//i.test(text)
  const full =
    baseURL && (!absolute || allowAbsoluteUrls === false)
      ? (text && `${baseURL.replace(/\/?\/$/, '')}/${text.replace(/^\/+/, '')}`) || baseURL
      : text
  return socketPath && !absolute ? `http://localhost${full.startsWith('/') ? '' : '/'}${full}` : full
}
