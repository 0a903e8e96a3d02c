// undici 6 and undici 8 call handlers by different names and with different arguments; undici 7 has both. A handler between a
// dispatcher and the caller's handler uses the latter's own API, so nothing needs converting.
import type { RequestAuthorization } from '@mca-auth/core/adapter'
import { type Controller, type Handler, type Headers, isModern } from './handler.js'
import { HeldResponse, type Receiver } from './held-response.js'

/** The request that a sending belongs to. */
export interface SentRequest {
  readonly authorization: RequestAuthorization
  readonly isReplayable: boolean
  /** Sends the same again, with a new token. */
  resend(target: Handler): void
  fail(target: Handler, controller: Controller | undefined, error: unknown): void
  /** The error without the token that the request carries: layers beneath may put the request into it. */
  conceal(error: unknown): unknown
  /** Calls the callback for the end of the response or for an error, in which a layer may send the request again. */
  end(callback: () => void): void
}

/**
 * A handler for one sending. It reports the response to the request's authorization, holds back a rejection until it is
 * known whether the request is resent, and passes everything else on in the caller's async context.
 */
export function responseHandler(request: SentRequest, target: Handler): Handler {
  return isModern(target) ? new ModernHandler(request, target) : new LegacyHandler(request, target)
}

abstract class ResponseHandler {
  protected readonly request: SentRequest
  protected readonly target: Handler
  protected held: HeldResponse | undefined
  #history: readonly URL[] | undefined
  #hasResponse = false

  constructor(request: SentRequest, target: Handler) {
    this.request = request
    this.target = target
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

  /** A redirect layer beneath us lists the URLs that it visited in the context. */
  protected started(context: unknown): void {
    this.#history = (context as { history?: readonly URL[] } | undefined)?.history
  }

  /** Whether the caller may see this response now. If not, it is held. */
  protected passes(status: number, headers: Headers, controller: Controller, receiver: () => Receiver): boolean {
    if (status < 200) return true
    const verdict = this.#respond(status, headers, this.request.isReplayable)
    if (verdict === 'deliver') return true
    const held = new HeldResponse(receiver(), controller, (error) => this.#fail(controller, error))
    this.held = held
    Promise.resolve(verdict).then(
      (decided) => {
        if (decided === 'resend' && held.discard()) this.request.resend(this.target)
        else held.deliver()
      },
      (reason) => held.abandon(reason),
    )
    return false
  }

  /** Whether the caller should get this error. One that carries a status is a response that a layer beneath us turned into an error. */
  protected passesError(controller: Controller | undefined, error: unknown): boolean {
    if (this.held?.fail(error, controller?.aborted === true)) return false
    const { statusCode, headers = null } = (error ?? {}) as { statusCode?: unknown; headers?: Headers }
    if (!this.#hasResponse && typeof statusCode === 'number') this.#respond(statusCode, headers, false)
    else this.request.authorization.failed()
    return true
  }

  #respond(status: number, headers: Headers, replayable: boolean) {
    this.#hasResponse = true
    const { authorization } = this.request
    for (const url of this.#history?.slice(1) ?? []) authorization.redirected({ url, method: 'GET' })
    return authorization.responded(status, headers, { replayable })
  }

  #fail(controller: Controller, error: unknown): void {
    this.request.fail(this.target, controller, error)
  }
}

/** For undici 7 and 8. */
class ModernHandler extends ResponseHandler implements Handler {
  onRequestStart(controller: Controller, context: unknown): void {
    this.started(context)
    this.#run(() => this.target.onRequestStart?.(controller, context))
  }

  onRequestUpgrade(controller: Controller, status: number, headers: Headers, socket: unknown): void {
    this.#run(() => this.target.onRequestUpgrade?.(controller, status, headers, socket))
  }

  onResponseStart(controller: Controller, status: number, headers: Headers, text?: string): void {
    const start = () => this.#run(() => this.target.onResponseStart?.(controller, status, headers, text))
    const receiver = () => ({
      start: () => {
        // First, so that the target may pause it.
        if (this.held?.isPaused) controller.resume()
        start()
        return false
      },
      data: (chunk: Uint8Array) => this.#run(() => this.target.onResponseData?.(controller, chunk)),
      end: (trailers: Headers) => this.request.end(() => this.target.onResponseEnd?.(controller, trailers)),
    })
    if (this.passes(status, headers, controller, receiver)) start()
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (!this.held?.data(chunk)) this.#run(() => this.target.onResponseData?.(controller, chunk))
  }

  onResponseEnd(controller: Controller, trailers: Headers): void {
    if (!this.held?.end(trailers)) this.request.end(() => this.target.onResponseEnd?.(controller, trailers))
  }

  onResponseError(controller: Controller | undefined, error: unknown): void {
    if (this.passesError(controller, error)) {
      const shown = this.request.conceal(error)
      this.request.end(() => this.target.onResponseError?.(controller, shown))
    }
  }

  #run(callback: () => void): void {
    this.request.authorization.run(callback)
  }
}

/** For undici 6 and 7. It is its own controller. */
class LegacyHandler extends ResponseHandler implements Handler, Controller {
  aborted = false
  #abort: ((reason?: unknown) => void) | undefined
  #resume: (() => void) | undefined

  pause(): void {} // the return values of `onHeaders` and `onData` do this

  resume(): void {
    this.#resume?.()
  }

  abort(reason?: unknown): void {
    this.aborted = true
    this.#abort?.(reason)
  }

  onConnect(abort: (reason?: unknown) => void, context?: unknown): void {
    this.#abort = abort
    this.started(context)
    this.#run(() => this.target.onConnect?.((reason) => this.abort(reason), context))
  }

  onUpgrade(status: number, headers: Headers, socket: unknown): void {
    this.#run(() => this.target.onUpgrade?.(status, headers, socket))
  }

  onHeaders(status: number, headers: Headers, resume: () => void, text?: string): boolean {
    this.#resume = resume
    const start = () => this.#run(() => this.target.onHeaders?.(status, headers, resume, text)) !== false
    const receiver = () => ({
      start,
      data: (chunk: Uint8Array) => this.#run(() => this.target.onData?.(chunk)),
      end: (trailers: Headers) => this.request.end(() => this.target.onComplete?.(trailers)),
    })
    return this.passes(status, headers, this, receiver) ? start() : true
  }

  onData(chunk: Uint8Array): boolean {
    if (this.held?.data(chunk)) return !this.held.isPaused
    return this.#run(() => this.target.onData?.(chunk)) !== false
  }

  onComplete(trailers: Headers): void {
    if (!this.held?.end(trailers)) this.request.end(() => this.target.onComplete?.(trailers))
  }

  onError(error: unknown): void {
    if (!this.passesError(this, error)) return
    const shown = this.request.conceal(error)
    this.request.end(() => this.target.onError?.(shown))
  }

  #run<T>(callback: () => T): T {
    return this.request.authorization.run(callback)
  }
}
