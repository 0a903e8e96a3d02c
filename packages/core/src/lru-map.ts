/** One value, between those that were used before and after it. */
interface Entry<V> {
  readonly key: string
  value: V
  older: Entry<V> | undefined
  newer: Entry<V> | undefined
}

/**
 * A map of at most `max` entries, which forgets the one that was used longest ago.
 *
 * The package for it does more than is needed here: it was a fifth of what an adapter adds to an application's bundle, and
 * half of what its import takes. The order is a list of its own, because a `Map` that gets a key anew for each use takes
 * ever longer to find its first one.
 */
export class LruMap<V> {
  readonly #max: number
  readonly #entries = new Map<string, Entry<V>>()
  #newest: Entry<V> | undefined
  #oldest: Entry<V> | undefined

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#entries.size
  }

  /** The value, without counting this as a use of it. */
  peek(key: string): V | undefined {
    return this.#entries.get(key)?.value
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#use(entry)
    return entry.value
  }

  set(key: string, value: V): void {
    const entry = this.#entries.get(key) ?? { key, value, older: undefined, newer: undefined }
    entry.value = value
    this.#entries.set(key, entry)
    this.#use(entry)
    if (this.#entries.size > this.#max && this.#oldest !== undefined) this.delete(this.#oldest.key)
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    this.#take(entry)
    return this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#newest = undefined
    this.#oldest = undefined
  }

  values(): V[] {
    return Array.from(this.#entries.values(), ({ value }) => value)
  }

  /** Makes it the newest. */
  #use(entry: Entry<V>): void {
    if (entry === this.#newest) return
    this.#take(entry)
    entry.older = this.#newest
    if (this.#newest !== undefined) this.#newest.newer = entry
    this.#newest = entry
    this.#oldest ??= entry
  }

  /** Out of the list, if it is there. */
  #take(entry: Entry<V>): void {
    const { older, newer } = entry
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    if (entry === this.#newest) this.#newest = older
    if (entry === this.#oldest) this.#oldest = newer
    entry.newer = undefined
  }
}
