import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { Attachment, type CarriedToken, originOf, type PreparedTokenRequest, unixSocket } from '@mca-auth/core/adapter'

/** The part of got's options that is read here; structural, so that got 14, 15 and 16 fit. */
export interface GotOptions {
  readonly url?: string | URL | undefined
  readonly method: string
  readonly headers: Record<string, string | string[] | undefined>
  readonly context: object
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
  readonly isStream?: boolean
  readonly enableUnixSockets?: boolean
  readonly retry: { readonly limit?: number | undefined }
}

/** The part of got's response that is read here. */
export interface GotResponse {
  readonly statusCode: number
  readonly headers: { readonly [name: string]: string | string[] | undefined }
  readonly request: { readonly options: GotOptions }
}

/** The part of got's errors that is read here. */
export interface GotError extends Error {
  readonly options?: GotOptions | undefined
  readonly response?: { readonly statusCode: number; readonly headers: GotResponse['headers'] } | undefined
}

/** What `got.extend()` takes. */
export interface GotExtension {
  readonly hooks: {
    readonly beforeRequest: ((options: GotOptions) => void | Promise<void>)[]
    readonly afterResponse: (<R extends GotResponse>(response: R, retry: (options: never) => never) => R | Promise<R>)[]
    readonly beforeError: (<E extends GotError>(error: E) => E)[]
  }
}

/** What is known of one request over all its hops and retries. */
interface State {
  /** Where the caller sent it. */
  readonly origin: string | undefined
  /** A redirect led elsewhere; there is no way back. */
  leftOrigin: boolean
  attached: Attached | undefined
  /** The token that the replay is to carry. */
  replayWith: CarriedToken | undefined
  replay: 'none' | 'sent' | 'answered'
}

interface Attached {
  readonly attachment: Attachment<GotOptions>
  readonly request: PreparedTokenRequest
  readonly token: CarriedToken
}

/** Got carries `context` along over redirects and retries, and prints it: so it holds a handle only. */
const handle = Symbol('mca-auth')
const states = new WeakMap<object, State>()

/**
 * Options for `got.extend()` that attach a cached access token to every request, and send a request whose token was
 * refused once more. Streams are not sent again; their refused token is still replaced for the next request.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @throws TypeError for a bad option; McaAuthError where credentials are missing. Requests reject with got's
 *   `RequestError`, whose `code` and `cause` are McaAuthError's, where no token can be had, and are not sent.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/got'
 * import got from 'got'
 *
 * const api = got.extend(mcaAuth({ origins: ['https://orders.example.com'] }))
 * await api('https://orders.example.com/orders').json()
 * ```
 */
export function mcaAuth(optionsOrProvider?: McaAuthOptions | TokenProvider): GotExtension {
  const attachment = new Attachment<GotOptions>(optionsOrProvider, (options) => ({
    url: new URL(options.url ?? ''),
    method: options.method,
  }))
  return {
    hooks: {
      beforeRequest: [(options) => attach(options, attachment)],
      afterResponse: [(response, retry) => recover(response, retry, attachment)],
      beforeError: [(error) => conceal(error, attachment)],
    },
  }
}

/** Runs before each hop and each retry. No promise while the token is cached. */
function attach(options: GotOptions, attachment: Attachment<GotOptions>): void | Promise<void> {
  const origin = targetOf(options)
  const state = stateOf(options) ?? begin(options, origin)
  const { attached } = state
  const header: unknown = options.headers.authorization
  const isOurs = attached !== undefined && header === attached.token.header
  if (origin === undefined || origin !== state.origin) state.leftOrigin = true
  if (state.leftOrigin || origin === undefined) {
    if (isOurs) delete options.headers.authorization
    return
  }
  // Another attachment was first, or the caller has replaced our header.
  if (attached !== undefined && (attached.attachment !== attachment || !isOurs)) return
  const request = attached?.request ?? attachment.claim(origin, options, header !== undefined)
  if (request === undefined) return

  const set = (token: CarriedToken) => {
    state.attached = { attachment, request, token }
    options.headers.authorization = token.header
  }
  const token = state.replayWith ?? attachment.take(request)
  state.replayWith = undefined
  if (token === undefined) return attachment.acquire(request, options.signal).then(set)
  set(token)
}

function recover<R extends GotResponse>(
  response: R,
  retry: (options: never) => never,
  attachment: Attachment<GotOptions>,
): R | Promise<R> {
  const { options } = response.request
  const state = stateOf(options)
  const attached = state?.attached
  if (state === undefined || attached?.attachment !== attachment || state.leftOrigin) return response
  const { token } = attached
  const origin = state.origin as string
  if (state.replay === 'sent') {
    state.replay = 'answered'
    attachment.replayed(token, origin, response.statusCode)
  }
  if (response.statusCode !== 401 || state.replay !== 'none') return response
  const challenge = response.headers['www-authenticate']
  if (!attachment.refused(token, origin, options.method, challenge, canResend(options.body))) return response
  return attachment.renew(token, attached.request, options.signal).then((another) => {
    if (another === undefined) return response
    state.replay = 'sent'
    state.replayWith = another
    // Hooks registered after ours see the replay's response. Got counts the replay as a retry: it is not to come off the
    // caller's own, nor be forbidden by them.
    const { limit = 0 } = options.retry
    return retry({ preserveHooks: true, retry: { limit: limit + 1, calculateDelay: replayAtOnce(options) } } as never)
  })
}

function replayAtOnce({ retry }: GotOptions): (computed: { error: Error }) => unknown {
  const { calculateDelay } = retry as unknown as { calculateDelay: (computed: { error: Error }) => unknown }
  return (computed) => (computed.error.name === 'RetryError' ? 1 : calculateDelay(computed))
}

/** Keeps loggers from the options, whose headers hold the token; and sees the 401 of a stream. */
function conceal<E extends GotError>(error: E, attachment: Attachment<GotOptions>): E {
  const { options, response } = error
  const state = options && stateOf(options)
  if (options === undefined || state?.attached === undefined) return error
  const { token } = state.attached
  if (options.isStream === true && response?.statusCode === 401 && !state.leftOrigin) {
    if (state.attached.attachment === attachment) {
      attachment.refused(token, state.origin as string, options.method, response.headers['www-authenticate'], false)
    }
  }
  Object.defineProperty(error, 'options', { value: options, enumerable: false, writable: true, configurable: true })
  return error
}

function stateOf(options: GotOptions): State | undefined {
  const known = (options.context as Record<symbol, object | undefined>)[handle]
  return known && states.get(known)
}

function begin(options: GotOptions, origin: string | undefined): State {
  const state: State = { origin, leftOrigin: false, attached: undefined, replayWith: undefined, replay: 'none' }
  const key = Object.freeze({})
  states.set(key, state)
  ;(options.context as Record<symbol, object>)[handle] = key
  return state
}

function targetOf({ url, enableUnixSockets }: GotOptions): string | undefined {
  // `http://unix/socket:/path`; without the option or the colon, `unix` is a host like any other.
  if (enableUnixSockets === true && url instanceof URL && url.hostname === 'unix' && url.pathname.includes(':')) {
    return unixSocket
  }
  return url === undefined ? undefined : originOf(url)
}

/**
 * Got has made text of forms and JSON by now. Streams can't be sent twice, and of generators and forms with files got
 * 14 and 15 would send nothing the second time, without a word.
 */
function canResend(body: unknown): boolean {
  return body === undefined || typeof body === 'string' || ArrayBuffer.isView(body)
}
