import { LRUCache } from 'lru-cache'

const most = 4
const onePerMs = 15_000

interface Budget {
  left: number
  /** When one last came back, in ms since the epoch. */
  at: number
}

/**
 * How many refreshes 401s may still cause, per token request and origin. It ends the storm of a resource that refuses
 * every token, and leaves other origins alone.
 */
export class RefusalBudget {
  readonly #budgets = new LRUCache<string, Budget>({ max: 1000 })

  /** Takes one, where there is one. */
  take(key: string, origin: string): boolean {
    const budget = this.#budget(key, origin, Date.now())
    if (budget.left === 0) return false
    budget.left--
    return true
  }

  /** The refresh was worth it: the replay was accepted. */
  giveBack(key: string, origin: string): void {
    const budget = this.#budget(key, origin, Date.now())
    budget.left = Math.min(most, budget.left + 1)
  }

  #budget(key: string, origin: string, now: number): Budget {
    const id = `${origin} ${key}`
    const budget = this.#budgets.get(id) ?? { left: most, at: now }
    this.#budgets.set(id, budget)
    const back = now < budget.at ? 0 : Math.floor((now - budget.at) / onePerMs)
    budget.left = Math.min(most, budget.left + back)
    budget.at = now < budget.at || budget.left === most ? now : budget.at + back * onePerMs
    return budget
  }
}
