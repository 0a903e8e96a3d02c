import { promises as fs } from 'node:fs'
import type { Found } from './key-register.js'
import { isLeased, type KeyState } from './key-state.js'
import { hasModes } from './private-files.js'

interface Observation {
  readonly state: KeyState
  readonly inode: number
  readonly changedAt: number
}

const maxKeys = 100

/**
 * The memory of a process that waits for another one, which has the lease. It reads the key again and again. Each call of
 * the file system waits for a thread, which takes long on a busy machine. A single call shows that nothing has changed:
 * each change of a key adds a file to its directory, which changes the time of the directory.
 *
 * Two changes may have the same time if they are close together. So a directory that had just been changed when it was read is
 * not remembered: a later change could not be seen. Nor on Windows, which may set the time later.
 */
export class Waiting {
  readonly #observations = new Map<string, Observation>()

  /** Remembers a key, which was read after `readAt`, if another process has its lease. */
  add(key: string, { directory, state }: Found, readAt: number): void {
    this.#observations.delete(key)
    if (!hasModes || directory === undefined || !isLeased(state, readAt)) return
    const { ino: inode, ctimeMs: changedAt } = directory
    // Times of whole seconds come from a file system without fractions, such as ext3 or HFS+. Others are exact to a tick of the
    // kernel, at most 10 ms.
    const granularityMs = changedAt % 1_000 === 0 ? 2_000 : 50
    if (Math.abs(readAt - changedAt) < granularityMs) return
    const [oldest] = this.#observations.size < maxKeys ? [] : this.#observations.keys()
    if (oldest !== undefined) this.#observations.delete(oldest)
    this.#observations.set(key, { state, inode, changedAt })
  }

  /** The state of the key, if it is known that it has not changed, and the lease has not lapsed. */
  async find(key: string, path: string): Promise<KeyState | undefined> {
    const known = this.#observations.get(key)
    if (known === undefined || !isLeased(known.state, Date.now())) return undefined
    const { ino, ctimeMs } = await fs.lstat(path)
    return ino === known.inode && ctimeMs === known.changedAt ? known.state : undefined
  }
}
