import { inspect } from 'node:util'
import type { AxiosConfig } from './axios-config.js'

/** The result of an adapter, or the `response` of its error. */
export interface AxiosResponse {
  status: number
  headers?: Readonly<Record<string, unknown>> | null
  config?: AxiosConfig
  request?: unknown
  data?: unknown
  /** Set by axios-cache-interceptor. */
  cached?: boolean
}

export interface AxiosFailure {
  code?: string
  config?: AxiosConfig
  request?: unknown
  response?: AxiosResponse
  cause?: unknown
}

/** Restores the caller's config, and hides the request, which contains the header, from loggers. */
export function conceal(result: AxiosResponse | AxiosFailure, config: AxiosConfig): void {
  if (typeof result !== 'object' || result === null) return
  if (result.config !== undefined) result.config = config
  if (typeof result.request === 'object' && result.request !== null) redact(result.request)
}

/** An error with its causes: the fetch adapter of older axios wraps its own error in another. */
export function concealFailure(failure: AxiosFailure, config: AxiosConfig): void {
  if (typeof failure !== 'object' || failure === null) return
  conceal(failure, config)
  if (failure.response) conceal(failure.response, config)
  if (failure.cause !== failure) concealFailure(failure.cause as AxiosFailure, config)
}

const redacted = () => '[request: redacted by mca-auth]'
const hiddenJson: PropertyDescriptor = { value: redacted, configurable: true }

/** Hides it from loggers everywhere: as `request`, behind a response stream, or on a socket. */
function redact(request: object): void {
  hide(request)
  // follow-redirects has a request that wraps those that it sends.
  const { _redirectable, _currentRequest } = request as { _redirectable?: unknown; _currentRequest?: unknown }
  if (_redirectable) hide(_redirectable)
  if (_currentRequest) hide(_currentRequest)
}

function hide(request: unknown): void {
  if (!(request instanceof Object) || !Object.isExtensible(request)) return
  // Setting takes a tenth of the time of defining, and this property is not visible when the object is printed.
  Reflect.set(request, inspect.custom, redacted) || Object.defineProperty(request, inspect.custom, hiddenJson)
  Object.defineProperty(request, 'toJSON', hiddenJson)
}
