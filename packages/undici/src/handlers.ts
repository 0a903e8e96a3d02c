// undici 6 calls handlers by other names and with other arguments than undici 8; undici 7 takes both. What stands
// between a dispatcher and the caller's handler speaks in the way of that handler, so that nothing is translated.
import { type Controller, type Handler, type Headers, isModern, type Steering } from './handler.js'
import type { DispatchOptions } from './mca-auth.js'
import { TokenHandler, type Via } from './token-handler.js'

export function tokenHandler(
  target: Handler,
  via: Via,
  options: DispatchOptions,
  origin: string,
  hop: boolean,
): TokenHandler {
  const Class = isModern(target) ? ModernHandler : LegacyHandler
  return new Class(target, via, options, origin, hop)
}

/** For undici 7 and 8. */
class ModernHandler extends TokenHandler implements Handler {
  onRequestStart(controller: Controller, context: unknown): void {
    this.started(context)
    this.target.onRequestStart?.(controller, context)
  }

  onRequestUpgrade(controller: Controller, status: number, headers: Headers, socket: unknown): void {
    this.target.onRequestUpgrade?.(controller, status, headers, socket)
  }

  onResponseStart(controller: Controller, status: number, headers: Headers, text?: string): void {
    if (this.passes(status, headers)) {
      this.target.onResponseStart?.(controller, status, headers, text)
      return
    }
    controller.pause()
    this.hold(controller, () => {
      this.target.onResponseStart?.(controller, status, headers, text)
      controller.resume()
    })
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (this.passesData(controller, chunk)) this.target.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: Controller, trailers: Headers): void {
    if (this.passesEnd()) this.target.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Controller | undefined, error: unknown): void {
    if (this.passesError(controller, error)) this.tellError(controller, error)
  }

  protected tellError(controller: Steering | undefined, error: unknown): void {
    this.target.onResponseError?.(controller as Controller | undefined, error)
  }

  protected another(...rest: [Via, DispatchOptions, string, boolean]): TokenHandler {
    return new ModernHandler(this.target, ...rest)
  }
}

/** For undici 6 and 7. It is its own controller. */
class LegacyHandler extends TokenHandler implements Handler, Steering {
  aborted = false
  #abort: ((reason?: unknown) => void) | undefined
  #resume: (() => void) | undefined

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
    this.target.onConnect?.((reason) => this.abort(reason), context)
  }

  onUpgrade(status: number, headers: Headers, socket: unknown): void {
    this.target.onUpgrade?.(status, headers, socket)
  }

  onHeaders(status: number, headers: Headers, resume: () => void, text?: string): boolean {
    if (this.passes(status, headers)) return this.target.onHeaders?.(status, headers, resume, text) !== false
    this.#resume = resume
    this.hold(this, () => {
      if (this.target.onHeaders?.(status, headers, resume, text) !== false) resume()
    })
    return false
  }

  onData(chunk: Uint8Array): boolean {
    return !this.passesData(this, chunk) || this.target.onData?.(chunk) !== false
  }

  onComplete(trailers: Headers): void {
    if (this.passesEnd()) this.target.onComplete?.(trailers)
  }

  onError(error: unknown): void {
    if (this.passesError(this, error)) this.tellError(undefined, error)
  }

  protected tellError(_controller: unknown, error: unknown): void {
    this.target.onError?.(error)
  }

  protected another(...rest: [Via, DispatchOptions, string, boolean]): TokenHandler {
    return new LegacyHandler(this.target, ...rest)
  }
}
