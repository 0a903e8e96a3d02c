import type { SharedTokenCache } from '@mca-auth/core'
import { clearEntries, listEntries, type StoredEntry } from './inventory.js'
import { changeState, keyDirectory, readState } from './key-register.js'
import { type Change, isLeased, type KeyState, leased, released, stored, tokenIn, withoutToken } from './key-state.js'
import { inLane } from './lanes.js'
import { sweep } from './sweep.js'
import { Waiting } from './waiting.js'

const sweepEveryMs = 10 * 60_000

/** The entries in one directory. */
export class FileStore implements SharedTokenCache {
  readonly #directory: string
  /** The holder of the lease on each key, as it was read in this turn of the event loop. */
  readonly #leasedNow = new Map<string, string>()
  readonly #waiting = new Waiting()
  #nextSweep = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  get: SharedTokenCache['get'] = (key) =>
    inLane(key, async () => {
      const path = keyDirectory(this.#directory, key)
      const state = (await this.#waiting.find(key, path).catch(() => undefined)) ?? (await this.#read(key, path))
      this.#remember(key, state)
      return tokenIn(state, Date.now())
    })

  set: SharedTokenCache['set'] = async (key, token, fence) => {
    await this.#change(key, stored(token, fence))
  }

  delete: SharedTokenCache['delete'] = async (key, digest) => {
    await this.#change(key, withoutToken(digest))
  }

  lease: SharedTokenCache['lease'] = async (key, holder, durationMs) => {
    const other = this.#leasedNow.get(key)
    if (other !== undefined && other !== holder) return undefined
    const state = await this.#change(key, leased(holder, durationMs))
    return state?.fence
  }

  release: SharedTokenCache['release'] = async (key, holder) => {
    const state = await this.#change(key, released(holder))
    if (state !== undefined) this.#sweepSometimes()
  }

  list(): Promise<readonly StoredEntry[]> {
    return listEntries(this.#directory)
  }

  clear(): Promise<number> {
    return clearEntries(this.#directory)
  }

  async #read(key: string, path: string): Promise<KeyState> {
    const readAt = Date.now()
    const found = await readState(this.#directory, path)
    this.#waiting.add(key, found, readAt)
    return found.state
  }

  #change(key: string, change: Change): Promise<KeyState | undefined> {
    return inLane(key, () => changeState(this.#directory, keyDirectory(this.#directory, key), change))
  }

  /**
   * A process that waits for another one calls `get()` and then `lease()`, again and again. If both are in the same turn of the
   * event loop, the second call uses what the first has read.
   */
  #remember(key: string, state: KeyState): void {
    this.#leasedNow.delete(key)
    if (state.lease === undefined || !isLeased(state, Date.now())) return
    this.#leasedNow.set(key, state.lease.holder)
    setImmediate(() => this.#leasedNow.delete(key))
  }

  /** In the background, and only in the process that has requested a token, when it has stored it. */
  async #sweepSometimes(): Promise<void> {
    if (performance.now() < this.#nextSweep) return
    this.#nextSweep = Number.POSITIVE_INFINITY
    const isMore = await sweep(this.#directory).catch(() => false)
    this.#nextSweep = isMore ? 0 : performance.now() + sweepEveryMs
  }
}
