/** How long a lease lasts, less the time for what follows its last use. */
const leaseMs = 1_500

/** Finds leases that have lapsed because this machine was too busy to extend them in time. */
export class LeaseClock {
  hasLapsed = false
  /** When the pending call for each lease began. @type {Map<string, number>} */
  #began = new Map()
  /** Since when each lease has been valid. @type {Map<string, number>} */
  #since = new Map()

  /** @param {import('../fleet/observed-cache.js').CacheCall} call */
  see({ method, args, result, error }) {
    const now = performance.now()
    for (const since of this.#since.values()) if (now - since > leaseMs) this.hasLapsed = true
    const holder = args[1]
    if (method === 'release' && (result !== undefined || error !== undefined)) this.#since.delete(holder)
    if (method !== 'lease') return
    if (result === undefined) this.#began.set(holder, now)
    else if (result.value !== undefined) this.#since.set(holder, this.#began.get(holder) ?? now)
  }
}
