interface Running<T> {
  readonly result: Promise<T>
  readonly controller: AbortController
  waiters: number
}

/** Work shared by several waiters. It is aborted when the last one leaves, and restarted for the next one. */
export class SharedWork<T> {
  readonly #start: (signal: AbortSignal) => Promise<T>
  #running: Running<T> | undefined

  constructor(start: (signal: AbortSignal) => Promise<T>) {
    this.#start = start
  }

  /** The result; an abort of `signal` ends this wait only. */
  async wait(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    const running = this.#running ?? this.#run()
    running.waiters++
    let stop: () => void = () => {}
    const aborted = new Promise<never>((_resolve, reject) => {
      const listener = () => reject(signal.reason)
      signal.addEventListener('abort', listener)
      stop = () => signal.removeEventListener('abort', listener)
    })
    try {
      return await Promise.race([running.result, aborted])
    } finally {
      stop()
      if (--running.waiters === 0) {
        if (this.#running === running) this.#running = undefined
        running.controller.abort()
      }
    }
  }

  #run(): Running<T> {
    const controller = new AbortController()
    const result = this.#start(controller.signal)
    // Waiters get the rejection, but there may be none left by then.
    result.catch(() => {})
    const running = { result, controller, waiters: 0 }
    this.#running = running
    const ended = () => {
      if (this.#running === running) this.#running = undefined
    }
    result.then(ended, ended)
    return running
  }
}
