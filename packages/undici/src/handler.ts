/** What it takes to go on with a response that is held, or to end it. */
export interface Steering {
  readonly aborted: boolean
  resume(): void
  abort(reason: unknown): void
}

/** How a handler of undici 7 and 8 steers its response. */
export interface Controller extends Steering {
  pause(): void
}

/** As a record with lower-case names, or as names and values in turn, in bytes. */
export type Headers = Record<string, string | string[] | undefined> | unknown[] | null

/** What undici calls while it makes a request: in the way of undici 7 and 8, or in that of undici 6 and 7. */
export interface Handler {
  onRequestStart?(controller: Controller, context: unknown): void
  onRequestUpgrade?(controller: Controller, status: number, headers: Headers, socket: unknown): void
  onResponseStart?(controller: Controller, status: number, headers: Headers, statusText?: string): void
  onResponseData?(controller: Controller, chunk: Uint8Array): void
  onResponseEnd?(controller: Controller, trailers: Headers): void
  onResponseError?(controller: Controller | undefined, error: unknown): void

  onConnect?(abort: (reason?: unknown) => void, context?: unknown): void
  onUpgrade?(status: number, headers: Headers, socket: unknown): void
  onHeaders?(status: number, headers: Headers, resume: () => void, statusText?: string): boolean | undefined
  onData?(chunk: Uint8Array): boolean | undefined
  onComplete?(trailers: Headers): void
  onError?(error: unknown): void

  onBodySent?(chunk: unknown): void
  onRequestSent?(): void
  onResponseStarted?(): void
}

/**
 * Whether to talk to a handler in the way of undici 7 and 8. undici 7 puts a `WrapHandler`, which takes both, around each
 * handler of the older way; talking to it in that way saves translating every header there and back.
 */
export function isModern(handler: Handler): boolean {
  if (typeof handler.onRequestStart !== 'function') return false
  return typeof handler.onHeaders !== 'function' || handler.constructor.name !== 'WrapHandler'
}

/** Tells a handler that its request has failed before there was a connection. */
export function fail(target: Handler, error: unknown): void {
  if (isModern(target)) target.onResponseError?.(noController, error)
  else target.onError?.(error)
}

const noController: Controller = { aborted: false, pause() {}, resume() {}, abort() {} }

/** The values of a header, whichever form the headers have. */
export function valuesOf(headers: Headers, name: string): string[] {
  if (!Array.isArray(headers)) return [headers?.[name] ?? []].flat()
  const values: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (latin1(headers[i]).toLowerCase() === name) values.push(...[headers[i + 1]].flat().map(latin1))
  }
  return values
}

function latin1(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
}
