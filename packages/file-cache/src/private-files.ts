import { constants, promises as fs, type Stats } from 'node:fs'
import { dirname } from 'node:path'

// Directories and files that belong to this user alone. Anything else is refused, and never changed or repaired.
// The functions of `fs` are looked up for each call, so that a program that replaces them, e.g. in its tests, reaches us.

/** Not on Windows, where `mode` says nothing about access. */
export const hasModes: boolean = process.platform !== 'win32'
// `?? 0`: Windows has neither flag.
const noFollow = constants.O_NOFOLLOW ?? 0
/** Opening a named pipe would otherwise wait for its other end. */
const noWait = constants.O_NONBLOCK ?? 0

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}

/** The result, or `undefined` if the file or directory does not exist. */
export async function ifExists<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * False if it does not exist.
 *
 * @throws Error if it is not a directory, or another user may read or change it.
 */
export async function isPrivateDirectory(path: string): Promise<boolean> {
  return (await statsOfPrivateDirectory(path)) !== undefined
}

/** As {@link isPrivateDirectory}, with its details. */
export async function statsOfPrivateDirectory(path: string): Promise<Stats | undefined> {
  const stats = await ifExists(fs.lstat(path))
  if (stats === undefined) return undefined
  if (stats.isSymbolicLink()) throw refusal(path, 'is a symbolic link', 'use the directory that it points to')
  if (!stats.isDirectory()) throw refusal(path, 'is not a directory', 'remove it, or use another directory')
  checkAccess(path, stats, 'use a directory that does not exist yet')
  return stats
}

/** Creates the directory, unless it exists, with the parents that are missing. */
export async function makePrivateDirectory(path: string): Promise<void> {
  const isNew = await makeDirectory(path)
  const stats = await statsOfPrivateDirectory(path)
  if (isNew && stats !== undefined) await restoreMode(path, stats)
}

/** Whether it did not exist. */
async function makeDirectory(path: string): Promise<boolean> {
  await refuseForSudo(path)
  try {
    return await makeOne(path)
  } catch (error) {
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error
    if (await makeDirectory(parent)) await restoreMode(parent, await fs.lstat(parent))
    return makeOne(path)
  }
}

async function makeOne(path: string): Promise<boolean> {
  try {
    await fs.mkdir(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** A umask can take rights from the owner, too. */
async function restoreMode(path: string, { mode }: Stats): Promise<void> {
  if (hasModes && (mode & 0o700) !== 0o700) await fs.chmod(path, 0o700)
}

/** Under `sudo`, HOME may still be the caller's. Root would create the directory there, and the caller could not use it. */
async function refuseForSudo(path: string): Promise<void> {
  const caller = Number(process.env.SUDO_UID ?? 0)
  if (!hasModes || caller === 0 || process.geteuid?.() !== 0) return
  const parent = await ifExists(fs.stat(dirname(path)))
  if (parent?.uid === caller) throw refusal(path, `would belong to root, not to user ${caller}`, 'run `sudo -H`')
}

/** Writes a new file. If it fails, the file may be left behind, in part. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const handle = await fs.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow, 0o600)
  try {
    if (hasModes) await handle.chmod(0o600)
    await handle.writeFile(text)
  } finally {
    await handle.close()
  }
}

/**
 * The text of a file, or `undefined` if it is larger than that. It neither follows links nor waits for a pipe.
 *
 * @throws Error if the file is not a regular one, or another user may read or change it.
 */
export async function readPrivateFile(path: string, maxBytes: number): Promise<string | undefined> {
  const handle = await openToRead(path)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw refusal(path, 'is not a regular file', 'remove it')
    checkAccess(path, stats, 'remove it')
    if (stats.size > maxBytes) return undefined
    return await readAll(handle, stats.size)
  } finally {
    await handle.close()
  }
}

/** A single read may give less than the whole file. */
async function readAll(handle: fs.FileHandle, size: number): Promise<string> {
  const buffer = Buffer.alloc(size)
  let length = 0
  for (let bytesRead = -1; bytesRead !== 0 && length < size; length += bytesRead) {
    ;({ bytesRead } = await handle.read(buffer, length, size - length, length))
  }
  return buffer.toString('utf8', 0, length)
}

async function openToRead(path: string): Promise<fs.FileHandle> {
  try {
    return await fs.open(path, constants.O_RDONLY | noFollow | noWait)
  } catch (error) {
    // FreeBSD says EMLINK.
    if (['ELOOP', 'EMLINK'].includes(codeOf(error) ?? '')) throw refusal(path, 'is a symbolic link', 'remove it')
    throw error
  }
}

function checkAccess(path: string, stats: Stats, advice: string): void {
  if (!hasModes) return
  const { uid, mode } = stats
  const own = process.geteuid?.()
  if (uid !== own) throw refusal(path, `belongs to user ${uid}, and this process runs as ${own}`, advice)
  if ((mode & 0o077) === 0) return
  const shown = (mode & 0o777).toString(8).padStart(4, '0')
  const close = `run \`chmod go= '${path.replaceAll("'", String.raw`'\''`)}'\``
  // The directory may be one such as `/tmp`, which others need.
  const safe = stats.isDirectory() ? `if it is for tokens only, ${close}; otherwise use a directory in it` : close
  throw refusal(path, `is open to other users (mode ${shown})`, safe)
}

export function refusal(path: string, reason: string, advice: string): Error {
  return new Error(`the token cache is not used, because ${path} ${reason}: ${advice}`)
}
