import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { filesIn, isKeyName, readState } from './key-register.js'
import { isLeased, tokenIn } from './key-state.js'
import { inLane } from './lanes.js'
import { ifExists, isPrivateDirectory } from './private-files.js'

/** Describes the state of one key. Contains nothing of the token. */
export interface StoredEntry {
  /** The directory of the key. */
  readonly path: string
  /** The remaining lifetime of the token, in ms; `undefined` if there is no token. */
  readonly expiresInMs: number | undefined
  /** Whether a process is requesting a token now. */
  readonly leased: boolean
  /** Why no process uses this entry, e.g. because other users can read it, and what to do; else `undefined`. */
  readonly problem: string | undefined
}

/** The directories of all keys. */
async function keyDirectories(directory: string): Promise<string[]> {
  if (!(await isPrivateDirectory(directory))) return []
  const names = (await ifExists(fs.readdir(directory))) ?? []
  return names.filter(isKeyName).map((name) => join(directory, name))
}

export async function listEntries(directory: string): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = []
  for (const path of await inLane(directory, () => keyDirectories(directory))) {
    entries.push(await inLane(path, () => entryOf(directory, path)))
  }
  return entries
}

async function entryOf(directory: string, path: string): Promise<StoredEntry> {
  try {
    const { state } = await readState(directory, path)
    const now = Date.now()
    return { path, expiresInMs: tokenIn(state, now)?.expiresInMs, leased: isLeased(state, now), problem: undefined }
  } catch (error) {
    return { path, expiresInMs: undefined, leased: false, problem: (error as Error).message }
  }
}

/**
 * Removes all entries that it can. Returns the number of tokens that it removed.
 *
 * @throws Error if an entry is refused or cannot be removed, after the others were removed.
 */
export async function clearEntries(directory: string): Promise<number> {
  let removed = 0
  const failures: unknown[] = []
  for (const path of await inLane(directory, () => keyDirectories(directory))) {
    try {
      if (await inLane(path, () => clearKey(directory, path))) removed++
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  return removed
}

/** Whether there was a token. */
async function clearKey(directory: string, path: string): Promise<boolean> {
  const { state } = await readState(directory, path)
  await removeKey(path)
  return tokenIn(state, Date.now()) !== undefined
}

/**
 * Removes our files, and the directory if there is nothing else in it.
 *
 * @throws Error if a file stays, e.g. on a read-only file system.
 */
async function removeKey(path: string): Promise<void> {
  const { versions, temporary } = await filesIn(path)
  for (const name of [...versions, ...temporary]) await ifExists(fs.unlink(join(path, String(name))))
  await fs.rmdir(path).catch(() => {})
}
