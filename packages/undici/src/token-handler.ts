import type { Attachment, CachedToken, PreparedTokenRequest } from '@mca-auth/core/adapter'
import { untilAborted } from './abort-signal.js'
import { type ReadableHeaders, withAuthorization } from './headers.js'
import {
  type Controller,
  type Handler,
  isModern,
  LegacyController,
  type ParsedHeaders,
  parseRawHeaders,
  toRawHeaders,
} from './legacy-api.js'
import type { Dispatch, DispatchOptions } from './mca-auth.js'
import type { RedirectMarks } from './redirect-marks.js'
import { type Body, replayable } from './replay-body.js'

/** What the requests of one composed dispatcher have in common. */
export interface Via {
  readonly dispatch: Dispatch
  readonly attachment: Attachment<DispatchOptions>
  /** Where redirects are noted; `undefined` where `origins` makes that needless. */
  readonly marks: RedirectMarks | undefined
}

/** The token that a request carries, and what it takes to send it again. */
interface Carried {
  readonly token: CachedToken
  readonly request: PreparedTokenRequest
  readonly headers: ReadableHeaders
  readonly body: Body
  readonly isReplay: boolean
}

const longestDiscard = 64 * 1024
const discardMs = 1_000

/** Stands between the dispatcher and the caller's handler until the status is known; after that it passes things on. */
export class TokenHandler implements Handler {
  readonly #target: Handler
  readonly #via: Via
  readonly #options: DispatchOptions
  readonly #origin: string
  /** Whether a redirect to another origin led here. */
  readonly #hop: boolean
  #carried: Carried | undefined
  #controller: Controller | undefined
  #context: { readonly history?: readonly URL[] } | undefined
  /** Delivers a 401 that waits for another token. */
  #held: (() => void) | undefined
  /** The connection was lost while it waited. */
  #lost: { readonly error: unknown } | undefined
  /** Bytes read of a 401 that the caller will not see. */
  #discarded: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(target: Handler, via: Via, options: DispatchOptions, origin: string, hop: boolean) {
    this.#target = target
    this.#via = via
    this.#options = options
    this.#origin = origin
    this.#hop = hop
  }

  /** Sends the request with a token: at once where there is one, else when it arrives. */
  send(request: PreparedTokenRequest, headers: ReadableHeaders): boolean {
    const { attachment } = this.#via
    const token = attachment.take(request)
    if (token !== undefined) return this.#sendWith(request, headers, token)
    untilAborted(this.#options.signal, (signal) => attachment.acquire(request, signal))
      .then((acquired) => this.#sendWith(request, headers, acquired))
      .catch((error) => fail(this.#target, error))
    return true
  }

  #sendWith(request: PreparedTokenRequest, headers: ReadableHeaders, token: CachedToken): boolean {
    const body = replayable(this.#options.body)
    return this.#dispatch({ token, request, headers, body, isReplay: false }, body.first)
  }

  #dispatch(carried: Carried, body: unknown): boolean {
    this.#carried = carried
    const headers = withAuthorization(carried.headers, carried.token.header)
    return this.#via.dispatch({ ...this.#options, headers, body }, this)
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#controller = controller
    this.#context = context as { history?: URL[] } | undefined
    if (isModern(this.#target)) this.#target.onRequestStart?.(controller, context)
    else this.#target.onConnect?.((reason) => controller.abort(reason), context)
  }

  onRequestUpgrade(controller: Controller, status: number, headers: ParsedHeaders | undefined, socket: unknown): void {
    const target = this.#target
    if (isModern(target)) target.onRequestUpgrade?.(controller, status, parsed(controller, headers), socket)
    else target.onUpgrade?.(status, raw(controller, headers), socket)
  }

  onResponseStart(controller: Controller, status: number, headers: ParsedHeaders | undefined, text?: string): void {
    const carried = this.#carried
    // 1xx announce a response and are none.
    if (status >= 200) this.#carried = undefined
    if (status >= 300 && status < 400) this.#noteRedirect(parsed(controller, headers))
    if (carried?.isReplay && status >= 200) this.#via.attachment.replayed(carried.token, this.#origin, status)
    if (status === 401) {
      const deliver = () => this.#deliver(controller, status, headers, text)
      if (this.#hold(carried, controller, parsed(controller, headers), deliver)) return
    }
    this.#deliver(controller, status, headers, text)
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (this.#discarded !== undefined) {
      this.#discarded += chunk.byteLength
      if (this.#discarded > longestDiscard) controller.abort(new Error('the body of a refused request is too long'))
    } else if (isModern(this.#target)) this.#target.onResponseData?.(controller, chunk)
    else if (this.#target.onData?.(chunk) === false) controller.pause()
  }

  onResponseEnd(controller: Controller, trailers: ParsedHeaders | undefined): void {
    if (this.#discarded !== undefined) clearTimeout(this.#timer)
    else if (isModern(this.#target)) this.#target.onResponseEnd?.(controller, trailers ?? {})
    else this.#target.onComplete?.(trailers === undefined ? [] : toRawHeaders(trailers))
  }

  onResponseError(controller: Controller | undefined, error: unknown): void {
    if (this.#discarded !== undefined) {
      clearTimeout(this.#timer)
      return
    }
    // A server may close at once after its 401. Another token may still save the request, unless the caller gave up.
    if (this.#held !== undefined && controller?.aborted === false) {
      this.#lost = { error }
      return
    }
    this.#held = undefined
    fail(this.#target, error, controller)
  }

  onConnect(abort: (reason?: unknown) => void, context: unknown): void {
    this.onRequestStart(new LegacyController(abort), context)
  }

  onUpgrade(status: number, rawHeaders: unknown, socket: unknown): void {
    const controller = this.#controller as LegacyController
    controller.rawHeaders = rawHeaders
    this.onRequestUpgrade(controller, status, undefined, socket)
  }

  onHeaders(status: number, rawHeaders: unknown, resume: () => void, text?: string): boolean {
    const controller = this.#controller as LegacyController
    controller.rawHeaders = rawHeaders
    controller.resumeResponse = resume
    this.onResponseStart(controller, status, undefined, text)
    return !controller.paused
  }

  onData(chunk: Uint8Array): boolean {
    const controller = this.#controller as LegacyController
    this.onResponseData(controller, chunk)
    return !controller.paused
  }

  onComplete(rawTrailers: unknown): void {
    this.onResponseEnd(this.#controller as LegacyController, parseRawHeaders(rawTrailers))
  }

  onError(error: unknown): void {
    this.onResponseError(this.#controller, error)
  }

  onBodySent(chunk: unknown): void {
    this.#target.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#target.onRequestSent?.()
  }

  onResponseStarted(): void {
    this.#target.onResponseStarted?.()
  }

  #deliver(controller: Controller, status: number, headers: ParsedHeaders | undefined, text?: string): void {
    const target = this.#target
    if (isModern(target)) target.onResponseStart?.(controller, status, parsed(controller, headers), text)
    else if (target.onHeaders?.(status, raw(controller, headers), () => controller.resume(), text) === false) {
      controller.pause()
    }
  }

  #noteRedirect({ location }: ParsedHeaders): void {
    const target = [location].flat()[0]
    if (target !== undefined) this.#via.marks?.note(this.#origin, this.#options.path, target, this.#hop)
  }

  /** Pauses a 401 that may be about our token, while another one is fetched. */
  #hold(carried: Carried | undefined, controller: Controller, headers: ParsedHeaders, deliver: () => void): boolean {
    if (carried === undefined || carried.isReplay) return false
    // With a redirect interceptor beneath us, the last of the history is who answered.
    if ((this.#context?.history?.at(-1)?.origin ?? this.#origin) !== this.#origin) return false
    const { attachment } = this.#via
    const { token, request } = carried
    const { method = 'GET', signal } = this.#options
    const again = carried.body.again()
    if (!attachment.refused(token, this.#origin, method, headers['www-authenticate'], again !== undefined)) return false

    controller.pause()
    this.#held = deliver
    untilAborted(signal, (aborted) => attachment.renew(token, request, aborted)).then(
      (another) => this.#decide(controller, another && { ...carried, token: another, isReplay: true }, again?.body),
      () => this.#decide(controller, undefined, undefined),
    )
    return true
  }

  #decide(controller: Controller, replay: Carried | undefined, body: unknown): void {
    const deliver = this.#held
    this.#held = undefined
    if (deliver === undefined) return
    if (replay !== undefined) {
      if (this.#lost === undefined) this.#discard(controller)
      this.#replay(replay, body)
    } else if (this.#lost !== undefined) fail(this.#target, this.#lost.error, controller)
    else {
      deliver()
      controller.resume()
    }
  }

  /** By another handler: this one still hears of the response that is discarded. */
  #replay(carried: Carried, body: unknown): void {
    try {
      new TokenHandler(this.#target, this.#via, this.#options, this.#origin, this.#hop).#dispatch(carried, body)
    } catch (error) {
      fail(this.#target, error)
    }
  }

  /** Reads the rest, so that the connection can be used again; drops the connection where there is too much of it. */
  #discard(controller: Controller): void {
    this.#discarded = 0
    this.#timer = setTimeout(() => controller.abort(new Error('the body of a refused request has no end')), discardMs)
    this.#timer.unref()
    controller.resume()
  }
}

/** Tells a handler that its request has failed, also before there is a connection. */
export function fail(target: Handler, error: unknown, controller?: Controller): void {
  if (isModern(target)) target.onResponseError?.(controller ?? new LegacyController(() => {}), error)
  else target.onError?.(error)
}

function parsed(controller: Controller, headers: ParsedHeaders | undefined): ParsedHeaders {
  return headers ?? parseRawHeaders(controller.rawHeaders)
}

function raw(controller: Controller, headers: ParsedHeaders | undefined): unknown {
  return Array.isArray(controller.rawHeaders) ? controller.rawHeaders : toRawHeaders(headers ?? {})
}
