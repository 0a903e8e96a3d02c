import { createHash, randomUUID } from 'node:crypto'
import { promises as fs, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Change, emptyState, type KeyState, parseState } from './key-state.js'
import {
  codeOf,
  ifExists,
  isPrivateDirectory,
  makePrivateDirectory,
  readPrivateFile,
  refusal,
  statsOfPrivateDirectory,
  writePrivateFile,
} from './private-files.js'

// How processes agree without a server
//
// Each key has a directory. Each state of the key is a file in it, whose name is the number of this version; the highest one
// counts. A change reads the highest version m, computes the next state, writes it to a file with a temporary name, and gives
// it the name m + 1 with link(2). That is atomic, and fails if the name exists. So of two changes that are based on the same
// version, one succeeds; the other reads again, and decides again. A file with a number as its name is complete, because its
// content was written before it had that name, and nothing ever writes to it afterwards. Then lower versions are removed.
//
// Two processes, A and B, step by step:
// - Both want a free lease: one of the links fails. Its process reads the version of the other, and finds the lease taken.
// - A extends a lease that has just lapsed, while B takes it over: the same. Either A still has it and B waits, or B has it,
//   with a greater fence, and A learns so. Both cannot believe that they have it.
// - A stores a token, while B takes over the lapsed lease: if B is first, A reads a greater fence than its own and stores
//   nothing. If A is first, B's state is based on A's, and keeps the token.
// - A was stopped between reading m and linking m + 1, and B has meanwhile written up to m + 5 and removed m + 1: A's link
//   succeeds, but A reads the directory again afterwards, which must not have a higher version. It does, so A removes
//   its file and starts again. No process took that file for the state, because m + 5 existed before it, and the highest version
//   is never removed while it is in use.
// - A has linked m + 1, and before A reads the directory again, B bases m + 2 on it. A finds a higher version, as in the case
//   before. But a state lists the last changes that led to it, and A's is among them, so A does not repeat it.
// - A is killed. Before the link, nothing has happened. After the link, the change has happened. A lease that A held lapses.
//   Temporary files, and lower versions that A did not remove, are removed by the next change, or when the directory is swept.
// - A reads m, and B removes it before A opens it: there is a higher version, so A lists the directory again.
// - A reads that m is the highest, and is stopped. B writes up to m + 3 and removes m, and C, which was stopped earlier, links its
//   state as m, as above. A then reads the file of C, which is not the state. So A lists the directory again after it has
//   read, and starts again if m is no longer the highest.
// - The directory is removed. A link to a file in it fails, and A starts again with an empty directory, from version 1.
//   Fences do not start again (see `leased`). A holder from before may still store its token until a new lease is granted.
//   If the directory is also created again by B while A is about to write, A's state may replace B's. Then both request a
//   token, and the one with the greater fence remains.

/** Larger than a sealed token can be: a token response has at most 64 KiB. */
const maxBytes = 128 * 1024
/** Each failed attempt is a success of another process, so the last one is never reached in practice. */
const maxAttempts = 100

const versionName = /^[1-9]\d{0,7}$/
/** No key is changed so often. */
const lastVersion = 99_999_999
const temporaryName = /^new-[\da-f-]{36}$/
const keyName = /^1-[\da-f]{64}$/

/** A new format has other names, so that two versions of this package never read each other's files. */
const format = '1-'

export interface Found {
  /** The directory of the key, as it was before its files were read, if it exists. */
  readonly directory: Stats | undefined
  /** 0: there is none. */
  readonly version: number
  /** Empty if the file is not one of ours, e.g. truncated by a power failure. It is replaced by the next change. */
  readonly state: KeyState
}

/** Whether a directory has the name of one for a key. */
export function isKeyName(name: string): boolean {
  return keyName.test(name)
}

export function keyDirectory(directory: string, key: string): string {
  return join(directory, format + createHash('sha256').update(key).digest('hex'))
}

/** The names of our files in the directory of a key, the highest version first. */
export async function filesIn(path: string): Promise<{ versions: number[]; temporary: string[] }> {
  const names = (await ifExists(fs.readdir(path))) ?? []
  const versions = names.filter((name) => versionName.test(name)).map(Number)
  return { versions: versions.sort((a, b) => b - a), temporary: names.filter((name) => temporaryName.test(name)) }
}

/** The state of a key. */
export async function readState(directory: string, path: string): Promise<Found> {
  const stats = (await isPrivateDirectory(directory)) ? await statsOfPrivateDirectory(path) : undefined
  for (let attempt = 0; stats !== undefined && attempt < maxAttempts; attempt++) {
    const [version] = (await filesIn(path)).versions
    if (version === undefined) break
    try {
      const text = await readPrivateFile(join(path, String(version)), maxBytes)
      if ((await filesIn(path)).versions[0] !== version) continue
      return { directory: stats, version, state: (text === undefined ? undefined : parseState(text)) ?? emptyState }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
  return { directory: stats, version: 0, state: emptyState }
}

/** Changes the state of a key. Returns the new state; `undefined` if `change` wants none. */
export async function changeState(directory: string, path: string, change: Change): Promise<KeyState | undefined> {
  let done: { readonly id: string; readonly state: KeyState } | undefined
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const { directory: found, version, state } = await readState(directory, path)
    if (done !== undefined && state.changes.includes(done.id)) return done.state
    const changed = change(state, Date.now())
    if (changed === undefined) return undefined
    if (version >= lastVersion) {
      await removeFile(join(path, String(version)))
      continue
    }
    if (found === undefined) {
      await makePrivateDirectory(directory)
      await makePrivateDirectory(path)
    }
    const id = randomUUID()
    const next = { ...changed, changes: [...state.changes.slice(-7), id] }
    if (await putVersion(path, version + 1, next)) return next
    done = { id, state: next }
  }
  throw new Error(`the files in ${path} change too fast`)
}

/** False if another process was faster. */
async function putVersion(path: string, version: number, state: KeyState): Promise<boolean> {
  const file = join(path, String(version))
  const temporary = join(path, `new-${randomUUID()}`)
  try {
    await writePrivateFile(temporary, JSON.stringify(state))
    await link(temporary, file)
  } catch (error) {
    // ENOENT: the directory, or the temporary file, was removed.
    if (['EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) return false
    throw error
  } finally {
    await removeFile(temporary)
  }
  const { versions } = await filesIn(path)
  if (versions[0] !== version) {
    await removeFile(file)
    return false
  }
  for (const lower of versions.slice(1)) await removeFile(join(path, String(lower)))
  return true
}

async function link(from: string, to: string): Promise<void> {
  try {
    await fs.link(from, to)
  } catch (error) {
    const code = codeOf(error) ?? ''
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error
    throw refusal(dirname(to), `is on a file system without hard links (${code})`, 'use another directory')
  }
}

/** Removes a file that no process needs. On Windows it may be open elsewhere; then it is removed later. */
export async function removeFile(path: string): Promise<void> {
  await fs.unlink(path).catch(() => {})
}
