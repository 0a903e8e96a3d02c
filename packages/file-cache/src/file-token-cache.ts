import { isAbsolute } from 'node:path'
import type { SharedTokenCache } from '@mca-auth/core'
import { defaultDirectory } from './default-directory.js'
import type { StoredEntry } from './inventory.js'

/** Options of `fileTokenCache()`. */
export interface FileTokenCacheOptions {
  /**
   * Absolute path of the directory for the tokens. It is created when the first token is requested. One that exists must
   * belong to the user of the process, with mode 0700.
   * @default `mca-auth` in `$XDG_CACHE_HOME` or `~/.cache`, on macOS in `~/Library/Caches`, on Windows in `%LOCALAPPDATA%`
   */
  readonly directory?: string | undefined
  /** See `SharedTokenCache`: required if `secret` is a function, or if `clientAuth` is a function without a `secret`. */
  readonly encryptionKeys?: readonly (string | Uint8Array)[] | undefined
  /** Whether to share the tokens of `incoming: 'exchange'` as well, which are one for each caller. @default false */
  readonly exchanged?: boolean | undefined
}

/** A shared token cache in a directory, which can also show what is in it. */
export interface FileTokenCache extends SharedTokenCache {
  /** `undefined` if there is no home directory for the default: then every method rejects, and says so. */
  readonly directory: string | undefined
  /**
   * The stored entries; none if the directory does not exist.
   *
   * @throws Error if the directory is not used, e.g. because other users can read it. The message says what to do.
   */
  list(): Promise<readonly StoredEntry[]>
  /**
   * Removes all tokens and leases, and returns the number of tokens. Running processes keep their tokens in memory.
   *
   * @throws Error if some cannot be removed, e.g. because the file system is read-only. The others are removed.
   */
  clear(): Promise<number>
}

/**
 * A shared token cache in a directory of the local file system: for the processes of a host that run as the same user. It
 * stores everything encrypted.
 *
 * If the directory cannot be used, e.g. because it is read-only or other users can read it, every method rejects, and each
 * process uses its own cache.
 *
 * @throws TypeError for a bad option.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/axios'
 * import { fileTokenCache } from '@mca-auth/file-cache'
 * import axios from 'axios'
 *
 * axios.interceptors.request.use(mcaAuth({ origins: 'https://orders.example.com', sharedCache: fileTokenCache() }))
 * ```
 */
export function fileTokenCache(options: FileTokenCacheOptions = {}): FileTokenCache {
  const { directory, encryptionKeys, exchanged = false, ...unknown } = options
  const [name] = Object.keys(unknown)
  if (name !== undefined) {
    throw new TypeError(`unknown option \`${name}\`; known are: directory, encryptionKeys, exchanged`)
  }
  if (typeof exchanged !== 'boolean') throw new TypeError('`exchanged` must be a boolean')
  if (directory !== undefined && !isUsablePath(directory)) throw new TypeError('`directory` must be an absolute path')
  const location = directory === undefined ? defaultLocation() : { directory }
  // Loaded now, because loading must not count as time that the cache takes.
  const opened = openStore(location)
  opened.catch(() => {}) // each method rejects
  return {
    directory: 'directory' in location ? location.directory : undefined,
    encryptionKeys,
    exchanged,
    get: async (key) => (await opened).get(key),
    set: async (key, token, fence) => (await opened).set(key, token, fence),
    delete: async (key, digest) => (await opened).delete(key, digest),
    lease: async (key, holder, durationMs) => (await opened).lease(key, holder, durationMs),
    release: async (key, holder) => (await opened).release(key, holder),
    list: async () => (await opened).list(),
    clear: async () => (await opened).clear(),
  }
}

function isUsablePath(path: unknown): boolean {
  return typeof path === 'string' && isAbsolute(path) && !path.includes('\0')
}

type Location = { readonly directory: string } | { readonly missing: string }

async function openStore(location: Location) {
  if ('missing' in location) throw new Error(location.missing)
  const { FileStore } = await import('./file-store.js')
  return new FileStore(location.directory)
}

/** Without a home directory the cache cannot be used, but that must not keep a service from starting. */
function defaultLocation(): Location {
  try {
    return { directory: defaultDirectory() }
  } catch (error) {
    return { missing: (error as Error).message }
  }
}
