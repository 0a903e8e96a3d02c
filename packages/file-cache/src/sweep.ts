import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { filesIn, isKeyName, readState, removeFile } from './key-register.js'
import { emptyState, isForgotten, isIdle } from './key-state.js'
import { inLane } from './lanes.js'
import { ifExists } from './private-files.js'

/** How many keys one sweep looks at. */
const maxKeys = 100
const temporaryMs = 60_000

/**
 * Removes what no process needs: the states of keys whose token has expired and that no process has used for a day, and
 * files that killed processes left behind. Returns whether there may be more.
 *
 * A process may begin to use a key while it is swept. It writes a higher version then, which is not removed here, and the
 * directory of the key cannot be removed because it is not empty.
 */
export async function sweep(directory: string): Promise<boolean> {
  const names = ((await inLane(directory, () => ifExists(fs.readdir(directory)))) ?? []).filter(isKeyName)
  const start = Math.floor(Math.random() * names.length)
  let removed = 0
  for (let i = 0; i < Math.min(maxKeys, names.length); i++) {
    const path = join(directory, names[(start + i) % names.length] as string)
    // Each key separately, so that token requests do not wait for the whole sweep.
    if (await inLane(path, () => sweepKey(directory, path)).catch(() => false)) removed++
  }
  return removed * 2 > maxKeys
}

async function sweepKey(directory: string, path: string): Promise<boolean> {
  const { version, state } = await readState(directory, path)
  const now = Date.now()
  const { versions, temporary } = await filesIn(path)
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
