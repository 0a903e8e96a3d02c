import type { ResponseHeaders } from '@mca-auth/core/adapter'

/** How a handler of undici 7 and 8 controls its response. */
export interface Controller {
  readonly aborted: boolean
  pause(): void
  resume(): void
  abort(reason: unknown): void
}

/** A record with lower-case names, or alternating names and values, in bytes. */
export type Headers = Extract<ResponseHeaders, readonly unknown[] | null | Readonly<Record<string, unknown>>>

/** The callbacks of a request: in the API of undici 7 and 8, or in the API of undici 6 and 7. */
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
 * Whether to call a handler through the API of undici 7 and 8. undici 7 puts a `WrapHandler`, which has both, around each
 * handler of the older API; calling it through the older one avoids converting every header there and back.
 */
export function isModern(handler: Handler): boolean {
  if (typeof handler.onRequestStart !== 'function') return false
  return typeof handler.onHeaders !== 'function' || handler.constructor?.name !== 'WrapHandler'
}

/** For a request that fails before it has a connection. */
export const noController: Controller = { aborted: false, pause() {}, resume() {}, abort() {} }
