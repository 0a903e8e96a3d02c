import { onAbort } from './abort-listener.js'
import { type PendingTokenRequest, runTokenRequest, waitFor } from './pending-token-requests.js'

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

/**
 * One token request that several callers wait for. An abort ends that caller's wait and nothing else; the work runs to
 * its own outcome, unless {@link Flight.resolve} or {@link Flight.reject} settle it earlier. A caller that
 * has left occupies no memory.
 */
export class Flight<T> implements PendingTokenRequest {
  readonly waits: PendingTokenRequest['waits'] = new Set()
  readonly #waiters = new Set<Waiter<T>>()
  readonly #settled: () => void
  #end: () => void = () => {}
  /** Passes the outcome to a waiter; set when it is known. */
  #outcome: ((waiter: Waiter<T>) => void) | undefined

  /** `settled` is called before any caller learns of the outcome. */
  constructor(settled: () => void) {
    this.#settled = settled
  }

  /** Not in the constructor: the work may need this very token at once, and must then find this flight. */
  start(work: () => Promise<T>): void {
    const [result, end] = runTokenRequest(this, work)
    // The work may already have closed the provider.
    if (this.pending) this.#end = end
    else end()
    result.then(
      (value) => this.resolve(value),
      (reason) => this.reject(reason),
    )
  }

  get pending(): boolean {
    return this.#outcome === undefined
  }

  resolve(value: T): void {
    this.#settle((waiter) => waiter.resolve(value))
  }

  reject(reason: unknown): void {
    this.#settle((waiter) => waiter.reject(reason))
  }

  wait(signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#outcome !== undefined) return this.#outcome({ resolve, reject })
      const endWait = waitFor(this)
      const stopListening = signal && onAbort(signal, () => leave(() => reject(signal.reason)))
      const leave = (notify: () => void) => {
        this.#waiters.delete(waiter)
        endWait()
        stopListening?.()
        notify()
      }
      const waiter: Waiter<T> = {
        resolve: (value) => leave(() => resolve(value)),
        reject: (reason) => leave(() => reject(reason)),
      }
      this.#waiters.add(waiter)
    })
  }

  #settle(notify: (waiter: Waiter<T>) => void): void {
    if (this.#outcome !== undefined) return
    this.#outcome = notify
    this.#end()
    this.#settled()
    for (const waiter of [...this.#waiters]) notify(waiter)
  }
}
