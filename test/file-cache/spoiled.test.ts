import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startTokenEndpoints } from '../servers/token-endpoints.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { isShared, tokenOf } from './users.ts'

/** The files that the cache has written. */
function filesOf(directory: string): readonly string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

const isRoot = process.getuid?.() === 0
const isUnix = process.platform !== 'win32'

/** Replaces a file of the cache. `outside` is a path outside of the cache. */
type Spoil = (file: string, outside: string) => void

/** These are replaced by the next token. */
const replaced: Record<string, Spoil> = {
  empty: (file) => truncateSync(file, 0),
  'cut in half': (file) => truncateSync(file, readFileSync(file).length >> 1),
  random: (file) => writeFileSync(file, crypto.getRandomValues(new Uint8Array(2_000))),
  'JSON of another kind': (file) => writeFileSync(file, '{"value":1,"fence":"x","token":{"expiresInMs":1e999}}'),
  'an array': (file) => writeFileSync(file, '[[],null]'),
  'larger than the memory': (file) => truncateSync(file, 2 ** 42),
}

/** These may remain, so that the processes do not share a token. */
const kept: Record<string, Spoil> = {
  'a directory': (file) => [rmSync(file), mkdirSync(file)],
  'a named pipe': (file) => [rmSync(file), execFileSync('mkfifo', ['-m', '600', file])],
  'a symbolic link to the file': (file, outside) => [renameSync(file, outside), symlinkSync(outside, file)],
  'a symbolic link to itself': (file) => [rmSync(file), symlinkSync(file, file)],
  'a hard link of a foreign file': (file, outside) => {
    copyFileSync(file, outside)
    rmSync(file)
    linkSync(outside, file)
  },
  'readable by others': (file) => chmodSync(file, 0o644),
  'not readable': (file) => chmodSync(file, 0),
  ...(isRoot && { "another user's": (file: string) => chownSync(file, 12_345, 12_345) }),
}

describe.runIf(isUnix)('a file of the cache', () => {
  it.each([
    ...Object.entries(replaced).map(([name, spoil]) => ({ name, spoil, heals: true })),
    ...Object.entries(kept).map(([name, spoil]) => ({ name, spoil, heals: false })),
  ])('fails no caller if it is $name', async ({ spoil, heals }) => {
    const directory = temporaryDirectory()
    const endpoint = (await startTokenEndpoints())()
    await tokenOf(directory, endpoint)
    const files = filesOf(directory)
    expect(files.length).toBeGreaterThan(0)
    const untouched = files.map((file, i) => {
      const outside = `${directory}-${i}`
      spoil(file, outside)
      return { outside, content: contentOf(outside) }
    })
    const started = performance.now()
    const shared = await isShared(directory, endpoint)
    expect(performance.now() - started).toBeLessThan(50_000) // much less than `sharedCacheTimeoutMs`
    if (heals) expect(shared).toBe(true)
    expect(endpoint.issued.length).toBeLessThanOrEqual(3)
    for (const { outside, content } of untouched) expect(contentOf(outside)).toEqual(content)
  })
})

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Replaces the directory of the cache. */
const directories: Record<string, Spoil> = {
  'removed between two token requests': (directory) => rmSync(directory, { recursive: true }),
  'a file': (directory) => [rmSync(directory, { recursive: true }), writeFileSync(directory, '')],
  'a named pipe': (directory) => [rmSync(directory, { recursive: true }), execFileSync('mkfifo', [directory])],
  'a symbolic link': (directory, outside) => {
    rmSync(directory, { recursive: true })
    mkdirSync(outside, { mode: 0o700 })
    symlinkSync(outside, directory)
  },
  'a symbolic link to nothing': (directory, outside) => [
    rmSync(directory, { recursive: true }),
    symlinkSync(outside, directory),
  ],
  'in a file': (directory) => {
    rmSync(join(directory, '..'), { recursive: true })
    writeFileSync(join(directory, '..'), '')
  },
  'writable by others': (directory) => chmodSync(directory, 0o777),
  'not writable': (directory) => chmodSync(directory, 0o500),
  ...(isRoot && { "another user's": (directory: string) => chownSync(directory, 12_345, 12_345) }),
}

describe.runIf(isUnix)('a directory', () => {
  it.each(Object.entries(directories))(
    'fails no caller if it is %s, and is used again afterwards',
    async (_name, spoil) => {
      const directory = temporaryDirectory()
      const outside = `${directory}-outside`
      const endpoint = (await startTokenEndpoints())()
      await tokenOf(directory, endpoint)
      spoil(directory, outside)
      await tokenOf(directory, endpoint)
      await tokenOf(directory, endpoint)
      expect(endpoint.issued.length).toBeLessThanOrEqual(3)
      // Nothing was written through a link.
      expect(listed(outside)).toEqual([])
      rmSync(join(directory, '..'), { recursive: true })
      mkdirSync(join(directory, '..'))
      expect(await isShared(directory, endpoint)).toBe(true)
    },
  )
})

function listed(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
