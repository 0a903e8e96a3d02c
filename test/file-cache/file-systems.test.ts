import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RemoteProcess } from '../fleet/remote-process.ts'
import { startProcess } from '../fleet/remote-process.ts'
import { startTokenEndpoints, type TokenEndpoint } from '../servers/token-endpoints.ts'
import { among, canMount, canMountImage, ext4, overlay, startMounted, tmpfs } from './mounts.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const file = join(import.meta.dirname, 'others.js')

interface Asked {
  readonly tokens: readonly string[]
  readonly failures: number
}

/** An empty directory, on which only another process sees a file system. */
function mountPoint(): string {
  const directory = temporaryDirectory()
  mkdirSync(directory)
  return directory
}

/** Ten callers in two users of the cache, none of which fails. */
async function ask(others: RemoteProcess, directory: string, { options }: TokenEndpoint): Promise<readonly string[]> {
  const { failures, tokens } = await others.order<Asked>('ask', { directory, options })
  expect(failures).toBe(0)
  return tokens
}

describe('the contract of a shared cache', () => {
  const types: [string, string, boolean][] = [
    ['tmpfs', tmpfs, canMount],
    ['overlayfs', overlay, canMount],
    ['ext4', ext4, canMountImage],
  ]
  for (const [type, script, isPossible] of types) {
    it.runIf(isPossible)(`is kept on ${type}`, async () => {
      const directory = mountPoint()
      const others = await startMounted(file, directory, script)
      const report = await others.order<{ type: string; failures: string[]; met: number }>('contract', {
        directory: join(directory, 'cache'),
        on: directory,
      })
      expect(report.failures).toEqual([])
      expect(report.met).toBeGreaterThan(5)
      expect(report.type).toBe({ ext4: 'ext2/ext3' }[type] ?? type)
    })
  }
})

const full =
  'dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null || true; dd if=/dev/zero of="$1/rest" bs=1 2>/dev/null || true'
const faults: [string, string, string][] = [
  ['full', full, 'rm "$1/filler" "$1/rest"'],
  ['without free inodes', 'i=0; while touch "$1/file-$i" 2>/dev/null; do i=$((i + 1)); done', 'rm "$1"/file-*'],
  ['read-only', 'mount -o remount,ro "$1"', 'mount -o remount,rw "$1"'],
  ['unmounted', 'umount --lazy "$1"', 'mount -t tmpfs tmpfs "$1"'],
]

describe.runIf(canMount)('a file system', () => {
  it.each(faults)('fails no caller while it is %s, and is used again afterwards', async (name, begin, end) => {
    const directory = mountPoint()
    const cache = join(directory, 'cache')
    const others = await startMounted(file, directory, 'mount -t tmpfs -o size=256k,nr_inodes=60 tmpfs "$1"')
    const addEndpoint = await startTokenEndpoints()
    const known = addEndpoint()
    await ask(others, cache, known)
    const files = () => among(others, 'find "$1/cache" -type f', directory)
    const before = files()
    among(others, begin, directory)
    const unknown = addEndpoint()
    await ask(others, cache, unknown)
    // One for each user if nothing can be stored.
    expect(unknown.issued.length).toBeLessThanOrEqual(2)
    await ask(others, cache, known)
    // Nothing unfinished is left behind.
    if (name === 'full' || name === 'read-only') expect(files().split('\n')).toEqual(before.split('\n'))
    among(others, end, directory)
    const differentTokens = async () => (await ask(others, cache, addEndpoint())).length
    await expect.poll(differentTokens).toBe(1)
  })
})

describe.runIf(process.platform === 'linux')('a process', () => {
  it.each([
    ['whose files may not have any content', ['prlimit', '--fsize=0']],
    ...(process.getuid?.() === 0
      ? [
          ['that may not write into the directory', ['setpriv', '--reuid=12345', '--clear-groups']] as [
            string,
            string[],
          ],
        ]
      : []),
  ] as [string, string[]][])('%s fails no caller', async (_name, prefix) => {
    const directory = mountPoint()
    const others = await startProcess(file, prefix)
    const endpoint = (await startTokenEndpoints())()
    await ask(others, join(directory, 'cache'), endpoint)
    expect(endpoint.issued.length).toBe(2)
  })
})
