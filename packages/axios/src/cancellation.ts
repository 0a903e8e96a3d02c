import type { AxiosConfig } from './axios-config.js'

/** axios' CancelToken with the methods for listening, which its types leave out. */
interface CancelToken {
  subscribe(listener: () => void): void
  unsubscribe(listener: () => void): void
  throwIfRequested(): void
}

/** Waits until the caller cancels by `cancelToken`. An `AbortSignal` is handled by the authorization. */
export async function untilCanceled<T>({ cancelToken }: AxiosConfig, work: Promise<T>): Promise<T> {
  if (cancelToken === undefined) return work
  const token = cancelToken as CancelToken
  let stop = () => {}
  const canceled = new Promise<never>((_, reject) => {
    stop = () => {
      try {
        token.throwIfRequested()
      } catch (error) {
        reject(error)
      }
    }
    stop()
    token.subscribe(stop)
  })
  canceled.catch(() => {})
  try {
    return await Promise.race([work, canceled])
  } finally {
    token.unsubscribe(stop)
  }
}
