import { type Dir, promises as fs } from 'node:fs'
import { join } from 'node:path'
import { filesIn, isKeyName, readState, removeFile } from './key-register.js'
import { emptyState, isForgotten, isIdle } from './key-state.js'
import { inLane, inLaneAtLast } from './lanes.js'
import { ifExists } from './private-files.js'

/** How many keys one sweep looks at. */
const maxKeys = 100
/** How many names are read at once. */
const batch = 1_000
const temporaryMs = 60_000

/**
 * Removes what no process needs: the states of keys whose token has expired and that no process has used for a day, and
 * files that killed processes left behind. Returns whether there may be more.
 *
 * A process may begin to use a key while it is swept. It writes a higher version then, which is not removed here, and the
 * directory of the key cannot be removed because it is not empty. If the key was removed in between, numbers start again, and a
 * new state may be removed. That costs a token request.
 *
 * Each step is separate work of a lane, so that token requests do not wait for the whole sweep.
 */
export async function sweep(directory: string): Promise<boolean> {
  let removed = 0
  for (const name of await someKeys(directory)) {
    const path = join(directory, name)
    if (await inLane(path, () => sweepKey(directory, path)).catch(() => false)) removed++
  }
  return removed * 2 > maxKeys
}

/** A random sample of the keys (reservoir sampling). Never holds the names of a large directory, or the event loop. */
async function someKeys(directory: string): Promise<readonly string[]> {
  const entries = await inLane(directory, () => ifExists(fs.opendir(directory, { bufferSize: batch })))
  if (entries === undefined) return []
  const chosen: string[] = []
  let count = 0
  try {
    for (;;) {
      const names = await inLane(directory, () => nextNames(entries))
      if (names.length === 0) return chosen
      for (const name of names.filter(isKeyName)) {
        const place = count++ < maxKeys ? chosen.length : Math.floor(Math.random() * count)
        if (place < maxKeys) chosen[place] = name
      }
    }
  } finally {
    await inLaneAtLast(directory, () => entries.close())
  }
}

async function nextNames(entries: Dir): Promise<string[]> {
  const names: string[] = []
  while (names.length < batch) {
    const entry = await entries.read()
    if (entry === null) break
    names.push(entry.name)
  }
  return names
}

async function sweepKey(directory: string, path: string): Promise<boolean> {
  const { version, state } = await readState(directory, path)
  const now = Date.now()
  const { versions, temporary } = await filesIn(path)
  if ((versions[0] ?? 0) !== version) return false
  for (const name of temporary) {
    const file = join(path, name)
    if (Math.abs(now - (await modifiedAt(file))) > temporaryMs) await removeFile(file)
  }
  for (const other of versions.filter((number) => number < version)) await removeFile(join(path, String(other)))
  const file = join(path, String(version))
  const isOver = state === emptyState ? version === 0 || isIdle(await modifiedAt(file), now) : isForgotten(state, now)
  if (!isOver) return false
  await removeFile(file)
  return fs.rmdir(path).then(
    () => true,
    () => false,
  )
}

async function modifiedAt(path: string): Promise<number> {
  return (await ifExists(fs.lstat(path)))?.mtimeMs ?? Date.now()
}
