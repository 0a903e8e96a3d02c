// undici 6 calls handlers by other names and with other arguments than undici 8; undici 7 does both, and the undici
// inside Node may be another one than the dispatcher's. So a handler of ours must be called, and call, in either way.

/** How a handler of undici 7 and 8 steers its response. */
export interface Controller {
  readonly paused: boolean
  readonly aborted: boolean
  readonly reason: unknown
  readonly rawHeaders?: unknown
  pause(): void
  resume(): void
  abort(reason: unknown): void
}

export type ParsedHeaders = Record<string, string | string[] | undefined>

/** A caller's handler: either API, any method of which may be missing. */
export interface Handler {
  onRequestStart?(controller: Controller, context: unknown): void
  onRequestUpgrade?(controller: Controller, status: number, headers: ParsedHeaders, socket: unknown): void
  onResponseStart?(controller: Controller, status: number, headers: ParsedHeaders, statusText?: string): void
  onResponseData?(controller: Controller, chunk: Uint8Array): void
  onResponseEnd?(controller: Controller, trailers: ParsedHeaders): void
  onResponseError?(controller: Controller, error: unknown): void

  onConnect?(abort: (reason?: unknown) => void, context?: unknown): void
  onUpgrade?(status: number, rawHeaders: unknown, socket: unknown): void
  onHeaders?(status: number, rawHeaders: unknown, resume: () => void, statusText?: string): boolean | undefined
  onData?(chunk: Uint8Array): boolean | undefined
  onComplete?(rawTrailers: unknown): void
  onError?(error: unknown): void

  onBodySent?(chunk: unknown): void
  onRequestSent?(): void
  onResponseStarted?(): void
}

/**
 * Passes everything on to the caller's handler, whichever way it is called and whichever way that handler wants. The
 * newer names are where a subclass steps in; the older ones lead to them, with headers still unread (`undefined`).
 */
export class DualHandler implements Handler {
  protected readonly target: Handler
  #legacy: LegacyController | undefined

  constructor(target: Handler) {
    this.target = target
  }

  onRequestStart(controller: Controller, context: unknown): void {
    if (isModern(this.target)) this.target.onRequestStart?.(controller, context)
    else this.target.onConnect?.((reason) => controller.abort(reason), context)
  }

  onRequestUpgrade(controller: Controller, status: number, headers: ParsedHeaders | undefined, socket: unknown): void {
    if (isModern(this.target)) this.target.onRequestUpgrade?.(controller, status, parsed(controller, headers), socket)
    else this.target.onUpgrade?.(status, raw(controller, headers), socket)
  }

  onResponseStart(controller: Controller, status: number, headers: ParsedHeaders | undefined, text?: string): void {
    const { target } = this
    if (isModern(target)) target.onResponseStart?.(controller, status, parsed(controller, headers), text)
    else if (target.onHeaders?.(status, raw(controller, headers), () => controller.resume(), text) === false) {
      controller.pause()
    }
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (isModern(this.target)) this.target.onResponseData?.(controller, chunk)
    else if (this.target.onData?.(chunk) === false) controller.pause()
  }

  onResponseEnd(controller: Controller, trailers: ParsedHeaders): void {
    if (isModern(this.target)) this.target.onResponseEnd?.(controller, trailers)
    else this.target.onComplete?.(toRawHeaders(trailers))
  }

  onResponseError(controller: Controller | undefined, error: unknown): void {
    fail(this.target, error, controller)
  }

  onConnect(abort: (reason?: unknown) => void, context: unknown): void {
    this.#legacy = new LegacyController(abort)
    this.onRequestStart(this.#legacy, context)
  }

  onUpgrade(status: number, rawHeaders: unknown, socket: unknown): void {
    const controller = this.#legacy as LegacyController
    controller.rawHeaders = rawHeaders
    this.onRequestUpgrade(controller, status, undefined, socket)
  }

  onHeaders(status: number, rawHeaders: unknown, resume: () => void, text?: string): boolean {
    const controller = this.#legacy as LegacyController
    controller.rawHeaders = rawHeaders
    controller.resumeResponse = resume
    this.onResponseStart(controller, status, undefined, text)
    return !controller.paused
  }

  onData(chunk: Uint8Array): boolean {
    const controller = this.#legacy as LegacyController
    this.onResponseData(controller, chunk)
    return !controller.paused
  }

  onComplete(rawTrailers: unknown): void {
    this.onResponseEnd(this.#legacy as LegacyController, parseRawHeaders(rawTrailers))
  }

  onError(error: unknown): void {
    this.onResponseError(this.#legacy, error)
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
}

/** Tells a handler that its request has failed, also before there is a connection. */
export function fail(target: Handler, error: unknown, controller?: Controller): void {
  if (isModern(target)) target.onResponseError?.(controller ?? new LegacyController(() => {}), error)
  else target.onError?.(error)
}

/** The headers of a response, read only now where they were not yet. */
export function parsed(controller: Controller, headers: ParsedHeaders | undefined): ParsedHeaders {
  return headers ?? parseRawHeaders(controller.rawHeaders)
}

/** Whether a handler speaks the API of undici 7 and 8. */
function isModern(handler: Handler): boolean {
  return typeof handler.onRequestStart === 'function'
}

/** A controller over what undici 6 hands out instead. */
class LegacyController implements Controller {
  paused = false
  aborted = false
  reason: unknown = null
  rawHeaders: unknown = null
  resumeResponse: (() => void) | undefined
  readonly #abort: (reason?: unknown) => void

  constructor(abort: (reason?: unknown) => void) {
    this.#abort = abort
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.resumeResponse?.()
  }

  abort(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#abort(reason)
  }
}

/** Names and values in turn, as bytes, to a record with lower-case names. */
function parseRawHeaders(rawHeaders: unknown): ParsedHeaders {
  const headers: ParsedHeaders = {}
  const list = Array.isArray(rawHeaders) ? (rawHeaders as unknown[]) : []
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = latin1(list[i]).toLowerCase()
    const values = [list[i + 1]].flat().map(latin1)
    const all = [headers[name] ?? [], values].flat()
    headers[name] = all.length === 1 ? all[0] : all
  }
  return headers
}

function raw(controller: Controller, headers: ParsedHeaders | undefined): unknown {
  return Array.isArray(controller.rawHeaders) ? controller.rawHeaders : toRawHeaders(headers ?? {})
}

function toRawHeaders(headers: ParsedHeaders): Buffer[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((one) => [Buffer.from(name, 'latin1'), Buffer.from(one, 'latin1')]),
  )
}

function latin1(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
}
