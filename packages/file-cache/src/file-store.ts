import type { SharedTokenCache } from '@mca-auth/core'
import { clearEntries, listEntries, type StoredEntry } from './inventory.js'
import { changeState, keyDirectory, readState } from './key-register.js'
import { type Change, type KeyState, leased, released, stored, tokenIn, withoutToken } from './key-state.js'
import { inLane } from './lanes.js'
import { sweep } from './sweep.js'

const sweepEveryMs = 10 * 60_000

/** The entries in one directory. */
export class FileStore implements SharedTokenCache {
  readonly #directory: string
  #nextSweep = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  get: SharedTokenCache['get'] = (key) =>
    inLane(key, async () => {
      const { state } = await readState(this.#directory, keyDirectory(this.#directory, key))
      return tokenIn(state, Date.now())
    })

  set: SharedTokenCache['set'] = async (key, token, fence) => {
    await this.#change(key, stored(token, fence))
  }

  delete: SharedTokenCache['delete'] = async (key, digest) => {
    await this.#change(key, withoutToken(digest))
  }

  lease: SharedTokenCache['lease'] = async (key, holder, durationMs) => {
    const state = await this.#change(key, leased(holder, durationMs))
    if (state !== undefined) this.#sweepSometimes()
    return state?.fence
  }

  release: SharedTokenCache['release'] = async (key, holder) => {
    await this.#change(key, released(holder))
  }

  list(): Promise<readonly StoredEntry[]> {
    return listEntries(this.#directory)
  }

  clear(): Promise<number> {
    return clearEntries(this.#directory)
  }

  #change(key: string, change: Change): Promise<KeyState | undefined> {
    return inLane(key, () => changeState(this.#directory, keyDirectory(this.#directory, key), change))
  }

  /** In the background, and only in the process that is about to request a token anyway. */
  async #sweepSometimes(): Promise<void> {
    if (performance.now() < this.#nextSweep) return
    this.#nextSweep = Number.POSITIVE_INFINITY
    const isMore = await sweep(this.#directory).catch(() => false)
    this.#nextSweep = isMore ? 0 : performance.now() + sweepEveryMs
  }
}
