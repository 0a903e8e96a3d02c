import { LRUCache } from 'lru-cache'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'

/**
 * The token requests that challenges for more scope have led to, so that the next such request is sent with the wider
 * token at once. By the origin of the challenge, and by the first result of `tokenRequest`: a request with a different
 * first result does not inherit it.
 */
export class WiderRequests {
  readonly #known = new LRUCache<string, PreparedTokenRequest>({ max: 1000 })

  find(origin: string, first: PreparedTokenRequest): PreparedTokenRequest | undefined {
    return this.#known.get(idOf(origin, first))
  }

  remember(origin: string, first: PreparedTokenRequest, wider: PreparedTokenRequest): void {
    this.#known.set(idOf(origin, first), wider)
  }

  /** Does nothing if another one has been remembered since. */
  forget(origin: string, first: PreparedTokenRequest, wider: PreparedTokenRequest): void {
    const id = idOf(origin, first)
    if (this.#known.peek(id)?.key === wider.key) this.#known.delete(id)
  }
}

function idOf(origin: string, { key }: PreparedTokenRequest): string {
  return `${origin} ${key}`
}
