// undici 6 calls handlers by other names and with other arguments than undici 8; undici 7 does both, and the undici
// inside Node may be another one than the dispatcher's.

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

export type ParsedHeaders = Record<string, string | string[] | undefined>

/** Whether a handler speaks the API of undici 7 and 8. */
export function isModern(handler: Handler): boolean {
  return typeof handler.onRequestStart === 'function'
}

/** A controller over what undici 6 hands out instead. */
export class LegacyController implements Controller {
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
export function parseRawHeaders(raw: unknown): ParsedHeaders {
  const headers: ParsedHeaders = {}
  const list = Array.isArray(raw) ? (raw as unknown[]) : []
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = latin1(list[i]).toLowerCase()
    const value = list[i + 1]
    const values = Array.isArray(value) ? value.map(latin1) : [latin1(value)]
    const before = headers[name]
    const all = before === undefined ? values : [before, values].flat()
    headers[name] = all.length === 1 ? all[0] : all
  }
  return headers
}

export function toRawHeaders(headers: ParsedHeaders): Buffer[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((one) => [Buffer.from(name, 'latin1'), Buffer.from(one, 'latin1')]),
  )
}

function latin1(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
}
