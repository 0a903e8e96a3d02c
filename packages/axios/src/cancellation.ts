import type { AxiosConfig } from './axios-config.js'

/** axios' CancelToken, as it is: its types leave out how it is listened to. */
interface CancelToken {
  subscribe(listener: () => void): void
  unsubscribe(listener: () => void): void
  throwIfRequested(): void
}

/** Waits as long as the caller does. An `AbortSignal` has been given to the authorization; this is for a `cancelToken`. */
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
