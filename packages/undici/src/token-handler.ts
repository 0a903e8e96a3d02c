import type { Attachment, CachedToken, PreparedTokenRequest } from '@mca-auth/core/adapter'
import { untilAborted } from './abort-signal.js'
import { type Controller, DualHandler, fail, type Handler, type ParsedHeaders, parsed } from './dual-handler.js'
import { type ReadableHeaders, withAuthorization } from './headers.js'
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
export class TokenHandler extends DualHandler {
  readonly #via: Via
  readonly #options: DispatchOptions
  readonly #origin: string
  /** Whether a redirect to another origin led here. */
  readonly #hop: boolean
  #carried: Carried | undefined
  #context: { readonly history?: readonly URL[] } | undefined
  /** Delivers a 401 that waits for another token. */
  #held: (() => void) | undefined
  /** The connection was lost while it waited. */
  #lost: { readonly error: unknown } | undefined
  /** Bytes read of a 401 that the caller will not see. */
  #discarded: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(target: Handler, via: Via, options: DispatchOptions, origin: string, hop: boolean) {
    super(target)
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
      .catch((error) => fail(this.target, error))
    return true
  }

  override onRequestStart(controller: Controller, context: unknown): void {
    this.#context = context as { history?: URL[] } | undefined
    super.onRequestStart(controller, context)
  }

  override onResponseStart(
    controller: Controller,
    status: number,
    headers: ParsedHeaders | undefined,
    text?: string,
  ): void {
    const carried = this.#carried
    // 1xx announce a response and are none.
    if (status >= 200) this.#carried = undefined
    if (status >= 300 && status < 400) this.#noteRedirect(parsed(controller, headers))
    if (carried?.isReplay && status >= 200) this.#via.attachment.replayed(carried.token, this.#origin, status)
    if (status === 401 && this.#mayReplay(carried, parsed(controller, headers))) {
      controller.pause()
      this.#held = () => {
        super.onResponseStart(controller, status, headers, text)
        controller.resume()
      }
      this.#renew(carried as Carried, controller)
    } else super.onResponseStart(controller, status, headers, text)
  }

  override onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (this.#discarded === undefined) super.onResponseData(controller, chunk)
    else {
      this.#discarded += chunk.byteLength
      if (this.#discarded > longestDiscard) controller.abort(new Error('the body of a refused request is too long'))
    }
  }

  override onResponseEnd(controller: Controller, trailers: ParsedHeaders): void {
    if (this.#discarded === undefined) super.onResponseEnd(controller, trailers)
    else clearTimeout(this.#timer)
  }

  override onResponseError(controller: Controller | undefined, error: unknown): void {
    if (this.#discarded !== undefined) clearTimeout(this.#timer)
    // A server may close at once after its 401. Another token may still save the request, unless the caller gave up.
    else if (this.#held !== undefined && controller?.aborted === false) this.#lost = { error }
    else {
      this.#held = undefined
      super.onResponseError(controller, error)
    }
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

  #noteRedirect({ location }: ParsedHeaders): void {
    const target = [location].flat()[0]
    if (target !== undefined) this.#via.marks?.note(this.#origin, this.#options.path, target, this.#hop)
  }

  /** Judges a 401, and invalidates the token where the 401 is about it. */
  #mayReplay(carried: Carried | undefined, headers: ParsedHeaders): boolean {
    if (carried === undefined || carried.isReplay) return false
    // With a redirect interceptor beneath us, the last of the history is who answered.
    if ((this.#context?.history?.at(-1)?.origin ?? this.#origin) !== this.#origin) return false
    const { method = 'GET' } = this.#options
    const challenge = headers['www-authenticate']
    const canResend = carried.body.again() !== undefined
    return this.#via.attachment.refused(carried.token, this.#origin, method, challenge, canResend)
  }

  #renew(carried: Carried, controller: Controller): void {
    const { token, request } = carried
    untilAborted(this.#options.signal, (signal) => this.#via.attachment.renew(token, request, signal)).then(
      (another) => this.#decide(controller, another && { ...carried, token: another, isReplay: true }),
      () => this.#decide(controller, undefined),
    )
  }

  /** Replays with another token, or delivers the 401 that was held. */
  #decide(controller: Controller, replay: Carried | undefined): void {
    const deliver = this.#held
    this.#held = undefined
    if (deliver === undefined) return
    if (replay !== undefined) {
      if (this.#lost === undefined) this.#discard(controller)
      this.#replay(replay)
    } else if (this.#lost === undefined) deliver()
    else super.onResponseError(controller, this.#lost.error)
  }

  /** By another handler: this one still hears of the response that is discarded. */
  #replay(carried: Carried): void {
    const again = new TokenHandler(this.target, this.#via, this.#options, this.#origin, this.#hop)
    try {
      again.#dispatch(carried, carried.body.again()?.body)
    } catch (error) {
      fail(this.target, error)
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
