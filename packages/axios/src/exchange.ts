import {
  type AuthorizationHeaders,
  bodySnapshot,
  isReusable,
  type RequestAuthorization,
  type Sending,
  whileBodyWaits,
} from '@mca-auth/core/adapter'
import axios from 'axios'
import {
  type Adapter,
  type AxiosConfig,
  authorizationIn,
  copyOf,
  isProxied,
  keepAdded,
  setAuthorization,
  withAuthorization,
} from './axios-config.js'
import { untilCanceled } from './cancellation.js'
import { addCertificate, certifyHop, type HopOptions } from './certificate.js'
import { type AxiosFailure, type AxiosResponse, conceal, concealFailure } from './conceal.js'
import { reportRedirect, watchRedirects } from './fetch-adapter.js'

/** One request under an authorization, sent with the caller's own adapter. */
export interface Exchange {
  readonly config: AxiosConfig
  /** The caller's adapter: a function, a name, or several names. */
  readonly adapter: unknown
  readonly authorization: RequestAuthorization
  readonly sending: Sending
}

/** The function that sends with this config. axios' fetch adapter takes its fetch from the config's `env`. */
export function adapterFor(config: AxiosConfig, adapter: unknown): Adapter {
  if (typeof adapter === 'function') return adapter as Adapter
  const { defaults, getAdapter } = axios as unknown as AxiosItself
  return getAdapter(adapter ?? defaults.adapter, config)
}

/** The parts of axios itself that are used here; its types differ from version to version. */
interface AxiosItself {
  readonly defaults: { readonly adapter?: unknown }
  getAdapter(adapters: unknown, config: unknown): Adapter
  readonly AxiosError: new (message: string, code: string | undefined, config: object) => Error
  readonly CanceledError: new (message: null, config: object) => Error
}

/** Sends the request with a token, and resends it whenever core says so. */
export function exchange(request: Exchange): Promise<unknown> {
  const added = request.authorization.headersFor(request.sending)
  const { config, adapter, authorization } = request
  if (!(added instanceof Promise)) {
    const isUntouched = !authorization.applies && added.authorization === undefined
    return isUntouched ? adapterFor(config, adapter)(config) : sendWith(request, added)
  }
  // Changes by the caller meanwhile are not sent.
  const url = config.url && String(config.url)
  const captured = { ...(url && { url }), data: bodySnapshot(config.data), params: bodySnapshot(config.params) }
  return whileBodyWaits(config.data, untilCanceled(config, added)).then(
    (headers) => sendWith(request, headers, captured),
    (error) => fail(request, error),
  )
}

/** Sends a copy of the config, and delivers or resends as the authorization decides. */
async function sendWith(request: Exchange, added: AuthorizationHeaders, captured?: object): Promise<unknown> {
  const { config, adapter, authorization } = request
  const sent = Object.assign(copyOf(config), captured)
  sent.headers = withAuthorization(config.headers, added)
  sent.beforeRedirect = redirecting(request, added)
  addCertificate(sent, adapter, authorization.certificate, String(request.sending.url))
  watchRedirects(sent, adapter)
  let response: AxiosResponse | undefined
  let settle: () => unknown
  try {
    const result = (await adapterFor(sent, adapter)(sent)) as AxiosResponse
    conceal(result, config)
    response = result
    settle = () => result
  } catch (error) {
    const failure = error as AxiosFailure
    concealFailure(failure, config)
    response = isResponse(failure ?? {}) ? failure.response : undefined
    settle = () => {
      throw error
    }
  }
  keepAdded(sent.headers, config.headers)
  if (response === undefined) {
    authorization.failed()
    return settle()
  }
  const { status, headers, cached } = response
  const replayable = reportRedirect(response, config, authorization) && isReusable(config.data)
  const verdict = authorization.responded(status, headers, { replayable, fromCache: cached === true })
  const decided =
    verdict instanceof Promise ? await untilCanceled(config, verdict).catch((error) => fail(request, error)) : verdict
  if (decided !== 'resend') return settle()
  discard(response.data)
  return sendWith(request, authorization.headersFor(request.sending) as AuthorizationHeaders, captured)
}

interface Hop extends HopOptions {
  readonly href: string
  readonly method?: string
  readonly headers: Record<string, unknown>
}

/** For each redirect that the http adapter follows. Runs after the caller's own function, which may change the hop. */
function redirecting({ config, authorization }: Exchange, first: AuthorizationHeaders): AxiosConfig['beforeRedirect'] {
  let before = first
  return (options: Hop, ...details: never[]) => {
    config.beforeRedirect?.(options as never, ...details)
    const [response] = details as { readonly headers?: Readonly<Record<string, unknown>> }[]
    const { href: url, method = 'GET', headers } = options
    const name = authorizationIn(headers)
    const present = name === undefined ? undefined : headers[name]
    const hop = { url, method, isProxied: () => isProxied(config, url), authorization: present }
    authorization.redirected(hop, { headers: response?.headers })
    const added = authorization.headersFor(hop) as AuthorizationHeaders
    setAuthorization(headers, before, added)
    certifyHop(options, config, authorization.certificate, url)
    before = added
  }
}

/** Fails like axios itself, with an error of its class, which other layers recognise. */
function fail({ config, authorization }: Exchange, cause: unknown): never {
  authorization.failed()
  if ((cause as { __CANCEL__?: boolean } | null)?.__CANCEL__) throw cause
  const { AxiosError, CanceledError } = axios as unknown as AxiosItself
  if ((config.signal as AbortSignal | undefined)?.aborted) throw new CanceledError(null, config)
  const { message = String(cause), code } = Object(cause) as { message?: string; code?: string }
  const error = new AxiosError(message, code, config)
  Object.defineProperty(error, 'cause', { value: cause, enumerable: false, writable: true, configurable: true })
  throw error
}

/** Frees the connection of a response that will not be read. */
function discard(data: unknown): void {
  const stream = data as { destroy?: () => void; cancel?: () => Promise<void> } | null | undefined
  if (typeof stream?.destroy === 'function') stream.destroy()
  else if (typeof stream?.cancel === 'function') stream.cancel().catch(() => {})
}

/** A timeout or an abort while the body was read also has a response; such an error is kept. */
function isResponse({ code, response }: AxiosFailure): boolean {
  if (code === undefined || code === 'ERR_BAD_REQUEST') return true
  return code === 'ERR_BAD_RESPONSE' && (response?.status ?? 0) >= 500
}
