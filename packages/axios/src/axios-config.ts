import { type AuthorizationHeaders, type BeginRequest, originOf, unixSocket } from '@mca-auth/core/adapter'
import { getProxyForUrl } from 'proxy-from-env'

export type Adapter = (config: AxiosConfig) => Promise<unknown>

/** The part of axios' config that is read here; structural, so that any axios 1.x fits. */
export interface AxiosConfig {
  /** Absolute, or relative to `baseURL`. */
  url?: string | undefined
  /** Names the origin that may have the token, unless `origins` does. */
  baseURL?: string | undefined
  /** Whether an absolute `url` replaces `baseURL`. */
  allowAbsoluteUrls?: boolean | undefined
  /** A Unix socket, which has no origin. */
  socketPath?: string | null | undefined
  /** Upper or lower case. @default 'get' */
  method?: string | undefined
  /** The body. It decides whether the request can be sent again. */
  data?: unknown
  /** The query, which `tokenRequest` sees in the URL. */
  params?: unknown
  /** The adapter that sends the request; mcaAuth puts its own around it. */
  adapter?: unknown
  /** Contains the `fetch` of the fetch adapter. */
  env?: unknown
  /** A proxy, which would see a token sent over plain HTTP. */
  proxy?: unknown
  /** Gets the client certificate, if the token is bound to one. */
  httpsAgent?: unknown
  /** The caller's headers: their own `Authorization` wins. */
  headers: { has(name: string): boolean }
  /** Basic credentials, which axios turns into `Authorization`. */
  auth?: unknown
  /** Ends the wait for a token. */
  signal?: unknown
  /** Ends the wait for a token, as in older axios. */
  cancelToken?: { throwIfRequested(): void } | undefined
  /** Says in which order axios runs interceptors. */
  transitional?: unknown
  /** The caller's own hook, which is called as well. */
  beforeRedirect?: ((options: never, ...details: never[]) => void) | undefined
}

/** The request as it will be sent, with `base` if the instance has named its origin. */
export function requestOf(config: AxiosConfig, adapter: unknown): BeginRequest {
  const { baseURL, socketPath, method = 'get', signal } = config
  const url = targetOf(config)
  // Field by field: this runs twice for each request, and a spread or an accessor in a literal takes a microsecond.
  return {
    url,
    method: method.toUpperCase(),
    signal: isSignal(signal) ? signal : undefined,
    authorization: authorizationOf(config, url),
    isProxied: () => isProxied(config, url) && !usesFetch(adapter),
    origin: socketPath ? unixSocket : undefined,
    base: baseURL !== undefined && !socketPath && originOf(baseURL) !== undefined ? baseURL : undefined,
  }
}

/** Combines them like axios, as far as origin and path are concerned. */
function targetOf({ url = '', baseURL, allowAbsoluteUrls, socketPath }: AxiosConfig): string {
  const text = String(url)
  const absolute = /^([a-z][a-z\d+\-.]*:)?\/\//i.test(text)
  const full =
    baseURL && (!absolute || allowAbsoluteUrls === false)
      ? (text && `${baseURL.replace(/\/?\/$/, '')}/${text.replace(/^\/+/, '')}`) || baseURL
      : text
  return socketPath && !absolute ? `http://localhost${full.startsWith('/') ? '' : '/'}${full}` : full
}

/** The `Authorization` of the caller, for whom `false` and `null` mean "none". */
function authorizationOf(config: AxiosConfig, target: string): unknown {
  // An interceptor may have replaced them by a plain record.
  const headers = (config.headers ?? {}) as Readonly<Record<string, unknown>>
  const name = authorizationIn(headers)
  if (name !== undefined && headers[name] !== undefined) return headers[name]
  return config.auth != null || /^[^/?#]*\/\/[^/?#]*@/.test(target) ? 'Basic' : undefined
}

/** The actual spelling of the header's name. */
export function authorizationIn(headers: object): string | undefined {
  for (const name in headers) if (isAuthorization(name) && Object.hasOwn(headers, name)) return name
  return undefined
}

function isAuthorization(name: string): boolean {
  return name.length === 13 && name.toLowerCase() === 'authorization'
}

function isProof(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'dpop'
}

/** Whether axios would send a plain HTTP request through a proxy, which sees its headers. */
export function isProxied(config: AxiosConfig, url: string): boolean {
  return originOf(url)?.startsWith('http:') === true && usesProxy(config, url)
}

export function usesProxy({ proxy, socketPath }: AxiosConfig, url: string): boolean {
  if (proxy === false || socketPath) return false
  return Boolean(proxy) || getProxyForUrl(originOf(url) ?? '') !== ''
}

/**
 * A copy, since the caller's config must not change. Spreading an object without a prototype, such as the config of
 * recent axios, is about ten times slower.
 */
export function copyOf(config: AxiosConfig): AxiosConfig {
  if (Object.getPrototypeOf(config) !== null) return { ...config }
  const copy = {} as Record<PropertyKey, unknown>
  const source = config as unknown as typeof copy
  for (const name in source) copy[name] = source[name]
  for (const symbol of Object.getOwnPropertySymbols(source)) copy[symbol] = source[symbol]
  return copy as unknown as AxiosConfig
}

/** A copy of the same class, without parsing every value again as `concat` and `set` would. */
export function withAuthorization<H extends object>(headers: H, added: AuthorizationHeaders): H {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(headers)), headers)
  setAuthorization(copy, {}, added)
  return copy
}

/** Sets the headers that we add now, and removes those that we added before. */
export function setAuthorization(
  headers: Record<string, unknown>,
  before: AuthorizationHeaders,
  { authorization, dpop }: AuthorizationHeaders,
): void {
  for (const name in headers) {
    const isOld = isAuthorization(name)
      ? authorization !== undefined || headers[name] === before.authorization
      : isProof(name) && (dpop !== undefined || headers[name] === before.dpop)
    if (isOld) delete headers[name]
  }
  if (authorization !== undefined) headers.Authorization = authorization
  if (dpop !== undefined) headers.DPoP = dpop
}

/** axios uses the first adapter of a list that the platform supports: on Node.js that is not `xhr`. */
export function usesFetch(adapter: unknown): boolean {
  const name = Array.isArray(adapter) ? adapter.find((each) => String(each).toLowerCase() !== 'xhr') : adapter
  return name === 'fetch'
}

/** Recognises an AbortSignal of any class, since packages bring their own. */
function isSignal(signal: unknown): signal is AbortSignal {
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

/** Copies the headers that an adapter has added to the caller's config, as without us. */
export function keepAdded(from: object, to: object): void {
  const [source, target] = [from, to] as [Record<string, unknown>, Record<string, unknown>]
  for (const name in source) {
    if (!(name in target) && !isAuthorization(name) && !isProof(name)) target[name] = source[name]
  }
}
