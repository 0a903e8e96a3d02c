import type { Readable } from 'node:stream'

const maxBytes = 1024 * 1024
const discardMs = 1_000

/** The response that an error is about: ky and others reject for a status. */
export function responseIn(error: unknown): Response | undefined {
  const { response } = (error ?? {}) as { response?: Partial<Response> }
  return typeof response?.status === 'number' && typeof response.headers?.get === 'function'
    ? (response as Response)
    : undefined
}

/** Whether it came from a cache, if its fetch says so: node-fetch-cache and make-fetch-happen do. */
export function isFromCache(response: Response): boolean {
  const { fromCache, returnedFromCache } = response as { fromCache?: unknown; returnedFromCache?: unknown }
  const status = response.headers?.get?.('x-local-cache-status')
  return fromCache === true || returnedFromCache === true || status === 'hit' || status === 'stale'
}

/** Releases a body that will not be read, whatever kind of stream it is. */
export function discard(response: Response): void {
  const body = response.body as ReadableStream | Readable | null | undefined
  if (body === null || body === undefined) return
  if ('cancel' in body) {
    // It rejects if something else, such as a clone for a log, is reading.
    body.cancel().catch(() => {})
    return
  }
  if (typeof body.destroy !== 'function') return
  // node-fetch 2 keeps the connection of a body that is destroyed, so it is read to its end, unless that takes too long.
  let bytes = 0
  const timer = setTimeout(() => body.destroy(), discardMs)
  timer.unref()
  body.on('error', () => {})
  body.on('close', () => clearTimeout(timer))
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
    if (bytes > maxBytes) body.destroy()
  })
}
