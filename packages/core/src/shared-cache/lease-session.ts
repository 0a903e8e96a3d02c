import type { SharedTokenCache } from './shared-token-cache.js'

/** Short, for a holder that was killed; a live holder extends it. */
const leaseMs = 2_000
const pollMs = 60

/** One token request's use of the shared cache: within a time budget, with a lease that lasts as long as the request. */
export class LeaseSession {
  readonly #cache: SharedTokenCache
  readonly #holder = crypto.randomUUID()
  #leftMs: number
  #leased: string | undefined
  #heartbeat: NodeJS.Timeout | undefined

  constructor(cache: SharedTokenCache, budgetMs: number) {
    this.#cache = cache
    this.#leftMs = budgetMs
  }

  /** @throws if the cache fails, or all of its responses together exceed the budget. */
  async within<T>(work: Promise<T>): Promise<T> {
    const start = performance.now()
    let timer: NodeJS.Timeout | undefined
    try {
      return await Promise.race([
        work,
        new Promise<never>((_, reject) => {
          // Yield again: if the event loop was blocked, the reply may already be buffered but unread.
          timer = setTimeout(
            () => setImmediate(reject, new Error('no response within `sharedCacheTimeoutMs`')),
            Math.max(1, this.#leftMs),
          )
        }),
      ])
    } finally {
      clearTimeout(timer)
      this.#leftMs -= performance.now() - start
    }
  }

  /** Acquires the lease, and extends it until {@link release}. `undefined`: another holder has it. */
  async acquire(storageKey: string): Promise<number | undefined> {
    const fence = await this.within(this.#cache.lease(storageKey, this.#holder, leaseMs))
    if (fence === undefined) return undefined
    this.#leased = storageKey
    const extend = () => ignoringErrors(() => this.#cache.lease(storageKey, this.#holder, leaseMs))
    this.#heartbeat = setInterval(extend, leaseMs / 4).unref()
    return fence
  }

  release(): void {
    clearInterval(this.#heartbeat)
    const leased = this.#leased
    this.#leased = undefined
    if (leased !== undefined) ignoringErrors(() => this.#cache.release(leased, this.#holder))
  }

  /** Another process is refreshing. Jittered, so that the fleet does not poll in lockstep. */
  pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, pollMs * (0.5 + Math.random())))
  }
}

/** For work in the background: a cache that fails is ignored, even if it throws synchronously. */
export async function ignoringErrors(work: () => Promise<unknown>, report?: (error: unknown) => void): Promise<void> {
  try {
    await work()
  } catch (error) {
    report?.(error)
  }
}
