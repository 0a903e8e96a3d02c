/**
 * One piece of work that several callers wait for. An abort ends that caller's wait and nothing else; the work runs to
 * its own outcome. A caller who is gone leaves nothing behind.
 */
export class Flight<T> {
  /** Settles with the work. Never an unhandled rejection, also when nobody waits. */
  readonly outcome: Promise<T>
  readonly #waiters = new Set<{ readonly resolve: (value: T) => void; readonly reject: (reason: unknown) => void }>()

  constructor(work: Promise<T>) {
    this.outcome = work
    work.then(
      (value) => this.#settle((waiter) => waiter.resolve(value)),
      (reason) => this.#settle((waiter) => waiter.reject(reason)),
    )
  }

  wait(signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) return this.outcome
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter)
        reject(signal.reason)
      }
      const waiter = {
        resolve: (value: T) => {
          signal.removeEventListener('abort', leave)
          resolve(value)
        },
        reject: (reason: unknown) => {
          signal.removeEventListener('abort', leave)
          reject(reason)
        },
      }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #settle(tell: (waiter: { resolve: (value: T) => void; reject: (reason: unknown) => void }) => void): void {
    for (const waiter of this.#waiters) tell(waiter)
    this.#waiters.clear()
  }
}
