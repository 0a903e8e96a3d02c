import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileTokenCache } from '@mca-auth/file-cache'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { keyDirectory } from '../../packages/file-cache/src/key-register.ts'
import { sweep } from '../../packages/file-cache/src/sweep.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const hourMs = 3_600_000

describe('what no process needs any more', () => {
  let directory: string
  let cache: ReturnType<typeof fileTokenCache>
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] })
    directory = temporaryDirectory()
    cache = fileTokenCache({ directory })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const pass = (ms: number) => vi.setSystemTime(Date.now() + ms)
  async function store(key: string, expiresInMs: number): Promise<void> {
    const fence = (await cache.lease(key, 'me', 2_000)) as number
    await cache.set(key, { value: 'v', digest: 'd', expiresInMs }, fence)
    await cache.release(key, 'me')
  }
  const stored = () => new Set(readdirSync(directory))

  it('is removed a day after its last change, but never a valid token or a lease', async () => {
    const names = ['short', 'week', 'leased', 'young'].map((key) => keyDirectory('', key))
    const [short = '', week = '', leased = '', young = ''] = names
    await store('short', hourMs)
    await store('week', 7 * 24 * hourMs)
    await cache.lease('leased', 'me', 48 * hourMs)
    pass(23 * hourMs)
    await store('young', hourMs)
    await sweep(directory)
    expect(stored()).toEqual(new Set([short, week, leased, young])) // the fence of `short` is kept
    pass(2 * hourMs)
    await sweep(directory)
    expect(stored()).toEqual(new Set([week, leased, young]))
    pass(8 * 24 * hourMs)
    await sweep(directory)
    expect(stored()).toEqual(new Set())
  })

  it('includes entries from a clock that was a day ahead, but not those from one that was a little ahead', async () => {
    await store('key', hourMs)
    pass(-2 * hourMs)
    await sweep(directory)
    expect(stored().size).toBe(1)
    pass(-24 * hourMs)
    await sweep(directory)
    expect(stored().size).toBe(0)
  })

  it('includes the files that killed processes left behind, but not those of a process that is writing', async () => {
    await store('key', hourMs)
    const key = keyDirectory(directory, 'key')
    const [version = 0] = readdirSync(key).map(Number)
    const old = join(key, 'new-11111111-1111-4111-8111-111111111111')
    const young = join(key, 'new-22222222-2222-4222-8222-222222222222')
    for (const file of [old, young]) writeFileSync(file, '{', { mode: 0o600 })
    utimesSync(old, new Date(Date.now() - 120_000), new Date(Date.now() - 120_000))
    writeFileSync(join(key, String(version - 1)), '{}', { mode: 0o600 })
    const foreign = join(key, 'README')
    writeFileSync(foreign, 'foreign')
    utimesSync(foreign, new Date(0), new Date(0))
    const empty = keyDirectory(directory, 'a process was killed before its first file')
    mkdirSync(empty, { mode: 0o700 })

    await sweep(directory)
    expect(new Set(readdirSync(key))).toEqual(new Set([String(version), young.slice(key.length + 1), 'README']))
    expect(existsSync(empty)).toBe(false)
    expect((await cache.get('key'))?.value).toBe('v')
  })

  it('includes a file that cannot be read as a state, once it is a day old', async () => {
    const key = keyDirectory(directory, 'key')
    mkdirSync(key, { recursive: true, mode: 0o700 })
    writeFileSync(join(key, '7'), 'junk', { mode: 0o600 })
    await sweep(directory)
    expect(existsSync(key)).toBe(true)
    pass(25 * hourMs)
    await sweep(directory)
    expect(existsSync(key)).toBe(false)
  })

  it('is removed by the process that has requested a token, a hundred keys at a time', async () => {
    const keys = 400
    const state = JSON.stringify({ writtenAt: Date.now() - 48 * hourMs, fence: 1, changes: [] })
    mkdirSync(directory, { mode: 0o700 })
    for (let i = 0; i < keys; i++) {
      const key = keyDirectory(directory, `stale ${i}`)
      mkdirSync(key, { mode: 0o700 })
      writeFileSync(join(key, '3'), state, { mode: 0o600 })
    }
    for (const name of ['foreign', 'a'.repeat(64), 'A'.repeat(64)]) writeFileSync(join(directory, name), 'foreign')
    await store('key', hourMs)
    // The first release has started one sweep. It looks at 100 keys, of which at most two are not stale.
    await vi.waitFor(() => expect(stored().size).toBeLessThanOrEqual(keys + 4 - 98))
    expect(stored().size).toBeGreaterThanOrEqual(keys + 4 - 100)
    // Since there may be more, the next releases continue.
    while (stored().size > 4) {
      await cache.lease('key', 'me', 2_000)
      await cache.release('key', 'me')
    }
    expect((await cache.get('key'))?.value).toBe('v')
    expect(stored().size).toBe(4)
  })
})
