import type { Attachment, CarriedToken, PreparedTokenRequest } from '@mca-auth/core/adapter'
import { untilAborted } from './abort-signal.js'
import { fail, type Handler, type Headers, type Steering, valuesOf } from './handler.js'
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
  readonly token: CarriedToken
  readonly request: PreparedTokenRequest
  readonly headers: ReadableHeaders
  readonly body: Body
  readonly isReplay: boolean
}

const longestDiscard = 64 * 1024
const discardMs = 1_000

/**
 * Stands between the dispatcher and the caller's handler until the status is known; after that it passes things on. What
 * happens is decided here; how undici tells of it, and how the caller's handler is told, is up to the subclass.
 */
export abstract class TokenHandler {
  readonly target: Handler
  readonly #via: Via
  readonly #options: DispatchOptions
  readonly #origin: string
  /** Whether a redirect to another origin led here. */
  readonly #hop: boolean
  #carried: Carried | undefined
  #history: readonly URL[] | undefined
  /** Delivers a 401 that waits for another token. */
  #held: (() => void) | undefined
  /** The connection was lost while it waited. */
  #lost: { readonly error: unknown } | undefined
  /** Bytes read of a 401 that the caller will not see. */
  #discarded: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(target: Handler, via: Via, options: DispatchOptions, origin: string, hop: boolean) {
    this.target = target
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

  onBodySent(chunk: unknown): void {
    this.target.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.target.onRequestSent?.()
  }

  onResponseStarted(): void {
    this.target.onResponseStarted?.()
  }

  protected started(context: unknown): void {
    this.#history = (context as { history?: readonly URL[] } | undefined)?.history
  }

  /** Whether the caller may see this response. Where not, it is to be held. */
  protected passes(status: number, headers: Headers): boolean {
    if (status < 200) return true // announces a response, and is none
    const carried = this.#carried
    if (status >= 300 && status < 400) this.#noteRedirect(headers)
    if (carried?.isReplay) this.#via.attachment.replayed(carried.token, this.#origin, status)
    if (status === 401 && this.#mayReplay(carried, headers)) return false
    this.#carried = undefined
    return true
  }

  /** Gets another token, then either replays or delivers. */
  protected hold(controller: Steering, deliver: () => void): void {
    const carried = this.#carried as Carried
    const { token, request } = carried
    this.#carried = undefined
    this.#held = deliver
    untilAborted(this.#options.signal, (signal) => this.#via.attachment.renew(token, request, signal)).then(
      (another) => this.#decide(controller, another && { ...carried, token: another, isReplay: true }),
      () => this.#decide(controller, undefined),
    )
  }

  /** Whether the caller is to see this part of the body. */
  protected passesData(controller: Steering, chunk: Uint8Array): boolean {
    if (this.#discarded === undefined) return true
    this.#discarded += chunk.byteLength
    if (this.#discarded > longestDiscard) controller.abort(new Error('the body of a refused request is too long'))
    return false
  }

  protected passesEnd(): boolean {
    clearTimeout(this.#timer)
    return this.#discarded === undefined
  }

  protected passesError(controller: Steering | undefined, error: unknown): boolean {
    clearTimeout(this.#timer)
    if (this.#discarded !== undefined) return false
    // A server may close at once after its 401. Another token may still save the request, unless the caller gave up.
    if (this.#held !== undefined && controller?.aborted === false) {
      this.#lost = { error }
      return false
    }
    this.#held = undefined
    return true
  }

  /** Tells the caller's handler of an error. */
  protected abstract tellError(controller: Steering | undefined, error: unknown): void

  /** A handler for the same request, which is sent once more: this one still hears of the response that is discarded. */
  protected abstract another(via: Via, options: DispatchOptions, origin: string, hop: boolean): TokenHandler

  #sendWith(request: PreparedTokenRequest, headers: ReadableHeaders, token: CarriedToken): boolean {
    const body = replayable(this.#options.body)
    return this.#dispatch({ token, request, headers, body, isReplay: false }, body.first)
  }

  #dispatch(carried: Carried, body: unknown): boolean {
    this.#carried = carried
    const headers = withAuthorization(carried.headers, carried.token.header)
    return this.#via.dispatch({ ...this.#options, headers, body }, this)
  }

  #noteRedirect(headers: Headers): void {
    const [target] = valuesOf(headers, 'location')
    if (target !== undefined) this.#via.marks?.note(this.#origin, this.#options.path, target, this.#hop)
  }

  /** Judges a 401, and invalidates the token where the 401 is about it. */
  #mayReplay(carried: Carried | undefined, headers: Headers): boolean {
    if (carried === undefined || carried.isReplay) return false
    // With a redirect interceptor beneath us, the last of the history is who answered.
    if ((this.#history?.at(-1)?.origin ?? this.#origin) !== this.#origin) return false
    const { method = 'GET' } = this.#options
    const challenge = valuesOf(headers, 'www-authenticate')
    const canResend = carried.body.again() !== undefined
    return this.#via.attachment.refused(carried.token, this.#origin, method, challenge, canResend)
  }

  /** Replays with another token, or delivers the 401 that was held. */
  #decide(controller: Steering, replay: Carried | undefined): void {
    const deliver = this.#held
    this.#held = undefined
    if (deliver === undefined) return
    if (replay !== undefined) {
      if (this.#lost === undefined) this.#discard(controller)
      this.#replay(replay)
    } else if (this.#lost === undefined) deliver()
    else this.tellError(controller, this.#lost.error)
  }

  #replay(carried: Carried): void {
    const again = this.another(this.#via, this.#options, this.#origin, this.#hop)
    try {
      again.#dispatch(carried, carried.body.again()?.body)
    } catch (error) {
      fail(this.target, error)
    }
  }

  /** Reads the rest, so that the connection can be used again; drops the connection where there is too much of it. */
  #discard(controller: Steering): void {
    this.#discarded = 0
    this.#timer = setTimeout(() => controller.abort(new Error('the body of a refused request has no end')), discardMs)
    this.#timer.unref()
    controller.resume()
  }
}
