import type { EventEmitter } from 'node:events'

/** Does work that ends with the request's `signal`, which undici also takes as an event emitter. */
export async function untilAborted<T>(signal: unknown, work: (signal?: AbortSignal) => Promise<T>): Promise<T> {
  if (signal === undefined || signal === null) return work()
  if (signal instanceof AbortSignal) return work(signal)
  const controller = new AbortController()
  const abort = () => controller.abort()
  const emitter = signal as EventEmitter
  emitter.on('abort', abort)
  try {
    return await work(controller.signal)
  } finally {
    emitter.off('abort', abort)
  }
}
