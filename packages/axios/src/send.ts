import { type Attachment, type CarriedToken, originOf, type PreparedTokenRequest } from '@mca-auth/core/adapter'
import { axiosCopyOf } from './axios-copy.js'

export type Adapter = (config: AxiosConfig) => Promise<unknown>

/** The part of axios' config that is read here; structural, so that any axios 1.x fits. */
export interface AxiosConfig {
  url?: string | undefined
  baseURL?: string | undefined
  allowAbsoluteUrls?: boolean | undefined
  socketPath?: string | null | undefined
  method?: string | undefined
  data?: unknown
  adapter?: unknown
  headers: { has(name: string): boolean }
  auth?: unknown
  signal?: unknown
  cancelToken?: { throwIfRequested(): void } | undefined
  transitional?: unknown
  beforeRedirect?: ((options: never, ...details: never[]) => void) | undefined
}

/** axios' CancelToken, as it is: its types leave out how it is listened to. */
interface CancelToken {
  subscribe(listener: () => void): void
  unsubscribe(listener: () => void): void
  throwIfRequested(): void
}

/** What an adapter resolves with, or rejects with as `response`. */
interface AxiosResponse {
  status: number
  headers: { readonly [name: string]: unknown }
  config?: AxiosConfig
  request?: unknown
  data?: unknown
}

interface AxiosFailure {
  code?: string
  config?: AxiosConfig
  request?: unknown
  response?: AxiosResponse
  cause?: unknown
}

/** One request that carries a token. */
interface Send {
  readonly config: AxiosConfig
  readonly adapter: Adapter
  readonly attachment: Attachment<AxiosConfig>
  readonly request: PreparedTokenRequest
  readonly origin: string
}

/** Sends a request with a token, and once more with another where the token was refused. */
export function send(request: Send): Promise<unknown> {
  const token = request.attachment.take(request.request)
  if (token !== undefined) return sendWith(request, token)
  return waiting(request.config, (signal) => request.attachment.acquire(request.request, signal)).then((acquired) =>
    sendWith(request, acquired),
  )
}

function sendWith(request: Send, token: CarriedToken): Promise<unknown> {
  return exchange(request, token, (response, leftOrigin, settle) =>
    // A 401 from where a redirect led is not about our token.
    response?.status === 401 && !leftOrigin ? recover(request, token, response, settle) : settle(),
  )
}

async function recover(
  request: Send,
  refused: CarriedToken,
  response: AxiosResponse,
  settle: () => unknown,
): Promise<unknown> {
  const { config, attachment, origin } = request
  const challenge = response.headers['www-authenticate'] as string | undefined
  if (!attachment.refused(refused, origin, config.method ?? 'get', challenge, canResend(config.data))) return settle()
  const token = await waiting(config, (signal) => attachment.renew(refused, request.request, signal))
  if (token === undefined) return settle()
  discard(response.data)
  return exchange(request, token, (replayed, _leftOrigin, settleReplay) => {
    if (replayed !== undefined) attachment.replayed(token, origin, replayed.status)
    return settleReplay()
  })
}

/**
 * Sends a copy of the config that carries the token. `then` gets the response, where there is one, whether a redirect
 * left the origin, and how to return or throw what the adapter did.
 */
function exchange(
  { config, adapter, origin }: Send,
  token: CarriedToken,
  then: (response: AxiosResponse | undefined, leftOrigin: boolean, settle: () => unknown) => unknown,
): Promise<unknown> {
  let leftOrigin = false
  const sent = copyOf(config)
  sent.headers = withAuthorization(config.headers, token.header)
  // Not left to follow-redirects, some versions of which keep the header for a subdomain.
  sent.beforeRedirect = (options: { href: string; headers: Record<string, unknown> }, ...details: never[]) => {
    if (originOf(options.href) !== origin) leftOrigin = true
    if (leftOrigin) removeAuthorization(options.headers)
    config.beforeRedirect?.(options as never, ...details)
  }
  return adapter(sent).then(
    (answer) => {
      const response = concealed(answer as AxiosResponse, config)
      return then(response, leftOrigin, () => response)
    },
    (error: AxiosFailure) => {
      concealFailure(error, config)
      // A timeout or an abort while the body was read has a response too; it stays what it is.
      const answered = error?.code === undefined || error.code === 'ERR_BAD_REQUEST'
      return then(answered ? error?.response : undefined, leftOrigin, () => {
        throw error
      })
    },
  )
}

/** With the errors behind it: the fetch adapter of older axios wraps one of its own in another. */
function concealFailure(failure: AxiosFailure, config: AxiosConfig): void {
  if (typeof failure !== 'object' || failure === null) return
  conceal(failure, config)
  if (failure.response) conceal(failure.response, config)
  if (failure.cause !== failure) concealFailure(failure.cause as AxiosFailure, config)
}

/** As {@link conceal}, on a copy: a property that is made non-enumerable afterwards makes the whole object slow. */
function concealed(response: AxiosResponse, config: AxiosConfig): AxiosResponse {
  if (response?.request === undefined || Object.getPrototypeOf(response) !== Object.prototype) {
    if (response) conceal(response, config)
    return response
  }
  const { request, ...copy } = response
  if (copy.config !== undefined) copy.config = config
  return withHiddenRequest(copy, request)
}

/** Puts the caller's config back, and keeps loggers from the request, whose header lines hold the token. */
function conceal(result: { config?: AxiosConfig; request?: unknown }, config: AxiosConfig): void {
  if (result.config !== undefined) result.config = config
  if (result.request !== undefined) withHiddenRequest(result, result.request)
}

function withHiddenRequest<T extends object>(result: T, value: unknown): T {
  return Object.defineProperty(result, 'request', { value, enumerable: false, writable: true, configurable: true })
}

/** A spread takes ten times as long where there is no prototype, as on the configs of newer axios. */
function copyOf(config: AxiosConfig): AxiosConfig {
  if (Object.getPrototypeOf(config) !== null) return { ...config }
  const copy = {} as Record<PropertyKey, unknown>
  const source = config as unknown as typeof copy
  for (const name in source) copy[name] = source[name]
  for (const symbol of Object.getOwnPropertySymbols(source)) copy[symbol] = source[symbol]
  return copy as unknown as AxiosConfig
}

/** A copy of the same class. Its own `concat` and `set` would parse every value again. */
function withAuthorization<H extends object>(headers: H, value: string): H {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(headers)), headers)
  removeAuthorization(copy)
  copy.Authorization = value
  return copy
}

function removeAuthorization(headers: Record<string, unknown>): void {
  for (const name in headers) if (name.length === 13 && name.toLowerCase() === 'authorization') delete headers[name]
}

/** Whether axios, after its transforms, has a body that can be sent a second time. */
function canResend(data: unknown): boolean {
  if (data == null || typeof data === 'string' || data instanceof URLSearchParams) return true
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data) || data instanceof Blob) return true
  // The form-data package is a stream; the web's FormData is not.
  return Object.prototype.toString.call(data) === '[object FormData]' && !('pipe' in (data as object))
}

/** Frees the connection of a response that nobody will read. */
function discard(data: unknown): void {
  const stream = data as { destroy?: () => void; cancel?: () => Promise<void> } | null | undefined
  if (typeof stream?.destroy === 'function') stream.destroy()
  else if (typeof stream?.cancel === 'function') stream.cancel().catch(() => {})
}

/** Waits for a token as long as the caller does: an abort ends it at once, in axios' own words. */
async function waiting<T>(config: AxiosConfig, work: (signal?: AbortSignal) => Promise<T>): Promise<T> {
  const cancelToken = config.cancelToken as CancelToken | undefined
  const signal = config.signal as AbortSignal | undefined
  if (!signal && !cancelToken) return work()
  const controller = new AbortController()
  const abort = () => controller.abort()
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort)
  cancelToken?.subscribe(abort)
  try {
    return await work(controller.signal)
  } catch (error) {
    if (!controller.signal.aborted) throw error
    cancelToken?.throwIfRequested()
    const { CanceledError } = await axiosCopyOf(config.headers)
    throw new CanceledError(null, config)
  } finally {
    signal?.removeEventListener('abort', abort)
    cancelToken?.unsubscribe(abort)
  }
}
