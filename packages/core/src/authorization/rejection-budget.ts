import { LRUCache } from 'lru-cache'

const maxRefreshes = 4
const oneBackPerMs = 15_000

interface Budget {
  left: number
  /** When a refresh was last added, in ms since the epoch. */
  at: number
}

/**
 * The number of refreshes that rejected tokens may still cause, per token request and origin. Prevents a resource that rejects
 * every token from causing a storm of refreshes, without affecting other origins.
 */
export class RejectionBudget {
  readonly #budgets = new LRUCache<string, Budget>({ max: 1000 })

  /** Uses one refresh, if any is left, and returns whether there was one. */
  take(key: string, origin: string): boolean {
    const budget = this.#budget(key, origin, Date.now())
    if (budget.left === 0) return false
    budget.left--
    return true
  }

  /** Returns a refresh, since the resent request was accepted. */
  giveBack(key: string, origin: string): void {
    const budget = this.#budget(key, origin, Date.now())
    budget.left = Math.min(maxRefreshes, budget.left + 1)
  }

  #budget(key: string, origin: string, now: number): Budget {
    const id = `${origin} ${key}`
    const budget = this.#budgets.get(id) ?? { left: maxRefreshes, at: now }
    this.#budgets.set(id, budget)
    const back = now < budget.at ? 0 : Math.floor((now - budget.at) / oneBackPerMs)
    budget.left = Math.min(maxRefreshes, budget.left + back)
    budget.at = now < budget.at || budget.left === maxRefreshes ? now : budget.at + back * oneBackPerMs
    return budget
  }
}
