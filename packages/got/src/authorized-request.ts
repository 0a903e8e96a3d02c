import type { EventEmitter } from 'node:events'
import {
  type AuthorizationHeaders,
  bodySnapshot,
  isReusable,
  type RequestAuthorization,
  type RequestAuthorizer,
  whileBodyWaits,
} from '@mca-auth/core/adapter'
import { addCertificate } from './certificate.js'
import {
  type GotOptions,
  type GotResponse,
  type Hook,
  type Mark,
  marked,
  marksIn,
  originIn,
  removeHooks,
} from './got-options.js'
import { hideHeaders } from './hide-headers.js'

type Retry = (options: object) => never

/**
 * One call of got, from its handlers to its result, over every redirect, retry and resend: got copies the options for
 * each, and our hooks with them. They are the closest to the wire: the last before a request and the first after it.
 */
export class AuthorizedRequest implements Mark {
  readonly authorizer: RequestAuthorizer
  readonly origin: string | undefined
  readonly #authorization: RequestAuthorization
  /** `delivered`: only a retry continues from here. Any other use of these options is a new request. */
  #state: 'begun' | 'sending' | 'ready' | 'delivered' = 'begun'
  #options: GotOptions
  #added: AuthorizationHeaders = {}
  /** The headers that got passes to Node.js. */
  #sentHeaders: Record<string, unknown> | undefined
  readonly #beforeRequest: Hook
  readonly #afterResponse: Hook

  /** `undefined` if another `mcaAuth()` decides, or if the request must pass unchanged. */
  static begin(authorizer: RequestAuthorizer, options: GotOptions): AuthorizedRequest | undefined {
    const target = originIn(options)
    const marks = marksIn(options.hooks)
    const earlier = marks.find((other) => other.authorizer === authorizer)
    // Left by the previous page, or by a request whose options the caller uses again.
    if (earlier !== undefined) removeHooks(options.hooks, authorizer)
    // Without a URL, got rejects the request.
    if (target === undefined || marks.some((other) => other.decides && other.authorizer !== authorizer))
      return undefined
    const origin = earlier?.origin ?? originIn(options, options.prefixUrl) ?? target
    const { url, method, headers, signal } = options
    const base = origin === target ? undefined : origin
    // Field by field: a literal that begins with a spread takes a microsecond.
    const request = { url, method, origin: target, authorization: headers.authorization, signal, base }
    const authorization = authorizer.begin(request)
    return authorization && new AuthorizedRequest(authorizer, authorization, options, origin)
  }

  private constructor(
    authorizer: RequestAuthorizer,
    authorization: RequestAuthorization,
    options: GotOptions,
    origin: string | undefined,
  ) {
    this.authorizer = authorizer
    this.origin = origin
    this.#authorization = authorization
    this.#options = options
    const { hooks } = options
    this.#beforeRequest = marked((next: GotOptions) => this.#authorize(next), this)
    this.#afterResponse = marked((response: GotResponse, retry: Retry) => this.#receive(response, retry), this)
    hooks.beforeRequest.push(this.#beforeRequest)
    hooks.beforeRedirect.push(marked((next: GotOptions, response: GotResponse) => this.#follow(next, response), this))
    hooks.afterResponse.unshift(this.#afterResponse)
    hooks.beforeRetry.unshift(marked((error: Error) => this.#fail(error, 'ready'), this))
    hooks.beforeError.unshift(marked((error: Error) => this.#fail(error, 'delivered'), this))
  }

  get decides(): boolean {
    return this.#authorization.applies && this.#state === 'begun'
  }

  /** Listens to the stream or promise that got returned for the call. */
  watch(result: unknown): void {
    // A handler after ours may have added hooks.
    const { beforeRequest } = this.#options.hooks
    const index = beforeRequest.indexOf(this.#beforeRequest)
    if (index !== -1) beforeRequest.push(...beforeRequest.splice(index, 1))
    const { on } = (result ?? {}) as Partial<EventEmitter>
    if (typeof on !== 'function') return
    on.call(result, 'request', (native: EventEmitter) => this.#hideHeaders(native))
    // A stream has no `afterResponse` hooks.
    if (this.#options.isStream === true) on.call(result, 'response', (response: GotResponse) => this.#end(response))
  }

  #authorize(options: GotOptions): void | Promise<void> {
    if (this.#state === 'delivered') return
    this.#state = 'sending'
    this.#options = options
    this.#removeHeaders()
    // A hook that retries removes those after it.
    if (!options.hooks.afterResponse.includes(this.#afterResponse))
      options.hooks.afterResponse.unshift(this.#afterResponse)
    const added = this.#authorization.headersFor(sendingOf(options))
    if (!(added instanceof Promise)) return this.#addHeaders(added)
    const { body } = options
    const snapshot = bodySnapshot(body)
    return whileBodyWaits(body, added).then((acquired) => {
      if (snapshot !== body && options.body === body) options.body = snapshot
      this.#addHeaders(acquired)
    })
  }

  /** They stay in the options only until got has read them, because errors, responses and copies would show them. */
  #addHeaders(added: AuthorizationHeaders): void {
    const options = this.#options
    this.#added = added
    if (added.authorization === undefined) return
    options.headers.authorization = added.authorization
    if (added.dpop !== undefined) options.headers.dpop = added.dpop
    const read = options.createNativeRequestOptions
    if (typeof read !== 'function') return
    options.createNativeRequestOptions = () => {
      const native = read.call(options)
      native.headers = { ...native.headers }
      addCertificate(native, options, this.#authorization.certificate)
      this.#sentHeaders = native.headers
      this.#removeHeaders()
      return native
    }
  }

  #removeHeaders(): void {
    const { headers } = this.#options
    const { authorization, dpop } = this.#added
    if (authorization !== undefined && headers.authorization === authorization) delete headers.authorization
    if (dpop !== undefined && headers.dpop === dpop) delete headers.dpop
  }

  #hideHeaders(native?: EventEmitter): void {
    this.#removeHeaders()
    if (this.#sentHeaders !== undefined) delete this.#sentHeaders.authorization
    if (this.#added.dpop !== undefined && this.#sentHeaders !== undefined) delete this.#sentHeaders.dpop
    if (native !== undefined) hideHeaders(native)
  }

  #follow(options: GotOptions, response: GotResponse): void {
    // A resend repeats the last hop only: got makes it with that hop's options.
    const details = { hopIsOurs: true, headers: response?.headers }
    if (this.#state === 'sending') this.#authorization.redirected(sendingOf(options), details)
  }

  #receive(response: GotResponse, retry: Retry): GotResponse | Promise<GotResponse> {
    // The caller's hook may have made up this response.
    if (this.#state !== 'sending') return response
    const verdict = this.#end(response, isReusable(this.#options.body))
    const finish = (decided: unknown) => (decided === 'resend' ? this.#resend(retry) : response)
    return verdict instanceof Promise ? verdict.then(finish) : finish(verdict)
  }

  /** To got, this is a retry. It must neither be blocked by the caller's retry limit nor count against it. */
  #resend(retry: Retry): never {
    const { limit = 0, calculateDelay } = this.#options.retry
    const delay: typeof calculateDelay = (attempt) =>
      attempt.error.name === 'RetryError' ? 1 : calculateDelay(attempt)
    return retry({ preserveHooks: true, retry: { limit: limit + 1, calculateDelay: delay } })
  }

  #end({ statusCode, headers, isFromCache = false }: GotResponse, replayable = false) {
    this.#state = 'delivered'
    // It may have come from a cache, without a request.
    this.#hideHeaders()
    return this.#authorization.responded(statusCode, headers, { replayable, fromCache: isFromCache })
  }

  #fail<E extends Error & { response?: GotResponse }>(error: E, next: 'ready' | 'delivered'): E {
    this.#hideHeaders()
    const { response } = error
    // While got follows a redirect, its last response is the one that redirected.
    if (this.#state === 'sending' && response !== undefined && response.statusCode >= 400) this.#end(response)
    else if (this.#state === 'sending') this.#authorization.failed()
    this.#state = next
    return error
  }
}

/**
 * An `init` hook. got calls it when it adds the options of the next page to those of all pages, whose URL is still the
 * one of the page before: the one that the caller addressed.
 */
export function bindPages(authorizer: RequestAuthorizer, options: GotOptions): void {
  const { url, prefixUrl, hooks } = options
  if (url === undefined || marksIn(hooks).some((other) => other.authorizer === authorizer)) return
  const origin = originIn(options, prefixUrl) ?? originIn(options)
  hooks.beforeRequest.push(marked(() => {}, { authorizer, origin, decides: false }))
}

function sendingOf(options: GotOptions) {
  const { url, method, headers } = options
  return { url, method, origin: originIn(options), authorization: headers.authorization }
}
