import {
  type AuthorizationHeaders,
  bodySnapshot,
  isReusable,
  type RequestAuthorization,
  type Sending,
  whileBodyWaits,
} from '@mca-auth/core/adapter'
import { type Adapter, type AxiosConfig, copyOf, isProxied, setOurs, withOurs } from './axios-config.js'
import { axiosCopyOf } from './axios-copy.js'
import { untilCanceled } from './cancellation.js'
import { type AxiosFailure, type AxiosResponse, conceal, concealFailure } from './conceal.js'
import { watchRedirects } from './fetch-adapter.js'

/** One request that an authorization decides about, by the caller's own adapter. */
export interface Exchange {
  readonly config: AxiosConfig
  /** The adapter for this config, from whose `env` axios' fetch adapter takes its fetch. */
  readonly adapterFor: (sent: AxiosConfig) => Adapter
  /** The adapter as the caller gave it, which may be by name. */
  readonly names: unknown
  readonly authorization: RequestAuthorization
  readonly sending: Sending
}

/** Sends the request with the headers of ours, and once more if its token was rejected. */
export function exchange(request: Exchange): Promise<unknown> {
  const ours = request.authorization.headersFor(request.sending)
  const { config, adapterFor, authorization } = request
  if (!(ours instanceof Promise)) {
    const isUntouched = !authorization.applies && ours.authorization === undefined
    return isUntouched ? adapterFor(config)(config) : sendWith(request, ours)
  }
  // What the caller changes meanwhile is not sent.
  const url = config.url && String(config.url)
  const captured = { ...(url && { url }), data: bodySnapshot(config.data), params: bodySnapshot(config.params) }
  return whileBodyWaits(config.data, untilCanceled(config, ours)).then(
    (headers) => sendWith(request, headers, captured),
    (error) => reject(request, error),
  )
}

/** Sends a copy of the config, and asks the authorization what the response means. */
async function sendWith(request: Exchange, ours: AuthorizationHeaders, captured?: object): Promise<unknown> {
  const { config, adapterFor, names, authorization } = request
  const sent = Object.assign(copyOf(config), captured)
  sent.headers = withOurs(config.headers, ours)
  sent.beforeRedirect = redirecting(request, ours)
  const redirects = watchRedirects(sent, names, authorization)
  let response: AxiosResponse | undefined
  let settle: () => unknown
  try {
    const answer = (await adapterFor(sent)(sent)) as AxiosResponse
    conceal(answer, config)
    response = answer
    settle = () => answer
  } catch (error) {
    const failure = error as AxiosFailure
    concealFailure(failure, config)
    // A timeout or an abort while the body was read has a response too; it stays what it is.
    const isAnswered = failure?.code === undefined || failure.code === 'ERR_BAD_REQUEST'
    response = isAnswered ? failure?.response : undefined
    settle = () => {
      throw error
    }
  }
  if (response === undefined) {
    authorization.failed()
    return settle()
  }
  const { status, headers, cached } = response
  const replayable = isReusable(config.data) && redirects.areKnown(response, config)
  const verdict = authorization.responded(status, headers, { replayable, fromCache: cached === true })
  const decided =
    verdict instanceof Promise ? await untilCanceled(config, verdict).catch((error) => reject(request, error)) : verdict
  if (decided !== 'resend') return settle()
  discard(response.data)
  return sendWith(request, authorization.headersFor(request.sending) as AuthorizationHeaders, captured)
}

/** Runs for each hop of a redirect that the http adapter follows. The caller's own function has the last word before us. */
function redirecting({ config, authorization }: Exchange, first: AuthorizationHeaders): AxiosConfig['beforeRedirect'] {
  let before = first
  return (options: { href: string; method?: string; headers: Record<string, unknown> }, ...details: never[]) => {
    config.beforeRedirect?.(options as never, ...details)
    const { href: url, method = 'GET', headers } = options
    const name = Object.keys(headers).find((key) => key.toLowerCase() === 'authorization')
    const present = name === undefined ? undefined : headers[name]
    const hop = { url, method, proxied: isProxied(config, url), authorization: present }
    authorization.redirected(hop)
    const ours = authorization.headersFor(hop) as AuthorizationHeaders
    setOurs(headers, before.authorization, ours)
    before = ours
  }
}

/** Fails as axios fails: with an error of the application's copy of axios, which other layers know. */
async function reject({ config, authorization }: Exchange, cause: unknown): Promise<never> {
  authorization.failed()
  const { AxiosError, CanceledError } = await axiosCopyOf(config.headers)
  if ((cause as { __CANCEL__?: boolean } | null)?.__CANCEL__) throw cause
  if ((config.signal as AbortSignal | undefined)?.aborted) throw new CanceledError(null, config)
  const { message, code } = cause as { message: string; code?: string }
  const error = new AxiosError(message, code, config)
  Object.defineProperty(error, 'cause', { value: cause, enumerable: false, writable: true, configurable: true })
  throw error
}

/** Frees the connection of a response that nobody will read. */
function discard(data: unknown): void {
  const stream = data as { destroy?: () => void; cancel?: () => Promise<void> } | null | undefined
  if (typeof stream?.destroy === 'function') stream.destroy()
  else if (typeof stream?.cancel === 'function') stream.cancel().catch(() => {})
}
