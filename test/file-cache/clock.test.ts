import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileTokenCache } from '@mca-auth/file-cache'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { temporaryDirectory } from './temporary-directory.ts'

const hourMs = 3_600_000
const token = (name: string, expiresInMs = hourMs) => ({ value: name, digest: `digest-${name}`, expiresInMs })

describe('the cache in files', () => {
  let directory: string
  let cache: ReturnType<typeof fileTokenCache>
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] }) // the time at which files are written
    directory = temporaryDirectory()
    cache = fileTokenCache({ directory })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const pass = (ms: number) => vi.setSystemTime(Date.now() + ms)
  async function store(name: string, expiresInMs?: number, key = 'key'): Promise<number> {
    const fence = (await cache.lease(key, 'me', 2_000)) as number
    await cache.set(key, token(name, expiresInMs), fence)
    await cache.release(key, 'me')
    return fence
  }
  /** The path of the state of the only key. */
  function stateFile(): string {
    const key = join(directory, readdirSync(directory)[0] as string)
    const files = readdirSync(key)
    expect(files).toHaveLength(1)
    return join(key, files[0] as string)
  }

  it('counts a token as expired if the clock was set back past its storing, and replaces it', async () => {
    await store('first')
    pass(-500) // a correction
    expect((await cache.get('key'))?.expiresInMs).toBe(hourMs)
    for (const backMs of [2_000, hourMs, 24 * 365 * hourMs]) {
      const before = Date.now()
      pass(-backMs)
      expect(await cache.get('key')).toBe(undefined)
      vi.setSystemTime(before)
    }
    pass(-48 * hourMs)
    await store('second')
    expect((await cache.get('key'))?.value).toBe('second')
  })

  it('never gives a token more time than it had when it was stored', async () => {
    await store('first')
    // Also to 500 and 400 ms before it was stored.
    for (const ms of [600_000, -600_500, 300_000, -299_900]) {
      pass(ms)
      const left = (await cache.get('key'))?.expiresInMs
      expect(left).toBeGreaterThan(0)
      expect(left).toBeLessThanOrEqual(hourMs)
    }
  })

  it('counts a token as expired, and a lease as lapsed, if the clock was set forward', async () => {
    await store('first')
    const held = (await cache.lease('key', 'holder', 2_000)) as number
    expect(await cache.lease('key', 'other', 2_000)).toBe(undefined)
    pass(2 * hourMs)
    expect(await cache.get('key')).toBe(undefined)
    expect(await cache.lease('key', 'other', 2_000)).toBeGreaterThan(held)
  })

  it('lets a lease be taken over if the clock was set back, since it is unknown when it lapses', async () => {
    const held = (await cache.lease('key', 'holder', 2_000)) as number
    pass(-hourMs)
    const taken = (await cache.lease('key', 'other', 2_000)) as number
    expect(taken).toBeGreaterThan(held)
    await cache.set('key', token('late'), held)
    expect(await cache.get('key')).toBe(undefined)
    await cache.set('key', token('new'), taken)
    expect((await cache.get('key'))?.value).toBe('new')
  })

  it('lets a holder extend its lapsed lease as long as no other process took it, with the same fence', async () => {
    const fence = await cache.lease('key', 'holder', 2_000)
    pass(10_000) // it was stalled
    expect(await cache.lease('key', 'holder', 2_000)).toBe(fence)
    expect(await cache.lease('key', 'other', 2_000)).toBe(undefined)
    pass(10_000)
    expect(await cache.lease('key', 'other', 2_000)).toBeGreaterThan(fence as number)
    expect(await cache.lease('key', 'holder', 2_000)).toBe(undefined)
  })

  it('never gives a smaller fence, also after all files were removed, so that a holder from before cannot store', async () => {
    const old = (await cache.lease('key', 'old', 60_000)) as number
    pass(5)
    rmSync(directory, { recursive: true })
    const next = (await cache.lease('key', 'next', 60_000)) as number
    expect(next).toBeGreaterThan(old)
    await cache.set('key', token('old'), old)
    expect(await cache.get('key')).toBe(undefined)
    await cache.set('key', token('next'), next)
    await cache.set('key', token('old'), old)
    expect((await cache.get('key'))?.value).toBe('next')
  })

  it('accepts the token of a lease if only the files were removed and no other lease was granted', async () => {
    const fence = (await cache.lease('key', 'me', 60_000)) as number
    rmSync(directory, { recursive: true })
    await cache.set('key', token('mine'), fence)
    expect((await cache.get('key'))?.value).toBe('mine')
  })

  it.each<[string, (path: string) => string | Buffer]>([
    ['empty, as after a power failure', () => ''],
    ['truncated', (path) => readFileSync(path).subarray(0, -10)],
    ['of zeros', (path) => Buffer.alloc(readFileSync(path).length)],
    ['huge', (path) => readFileSync(path, 'utf8') + ' '.repeat(5_000_000)],
    ['JSON of something else', () => '{"writtenAt":1,"fence":"2","changes":[]}'],
    ['null', () => 'null'],
    ['a list', () => '[]'],
    [
      'with a number that is too large',
      (path) => readFileSync(path, 'utf8').replace(/"writtenAt":\d+/, '"writtenAt":1e999'),
    ],
    ['with a lease that is text', (path) => readFileSync(path, 'utf8').replace('{', '{"lease":"me",')],
    ['with a token without a digest', (path) => readFileSync(path, 'utf8').replace('"digest":"digest-a",', '')],
  ])('ignores and replaces a file that is %s', async (_name, content) => {
    const before = await store('a')
    expect((await cache.get('key'))?.value).toBe('a')
    const file = stateFile()
    writeFileSync(file, content(file))
    expect(await cache.get('key')).toBe(undefined)
    expect(await cache.list()).toMatchObject([{ expiresInMs: undefined, leased: false }])
    pass(5)
    expect(await store('b')).toBeGreaterThan(before)
    expect((await cache.get('key'))?.value).toBe('b')
    expect(stateFile()).not.toBe(file)
  })

  it('ignores foreign files, however they are named, and leaves them alone', async () => {
    await store('a')
    const key = join(stateFile(), '..')
    const foreign = ['README', '0', '01', '1e9', '-1', ' 7', '100000000', '999999999999', 'new-', '.lock', '7.bak']
    for (const name of foreign) {
      writeFileSync(join(key, name), 'foreign')
      writeFileSync(join(directory, name), 'foreign')
    }
    expect((await cache.get('key'))?.value).toBe('a')
    await store('b')
    expect((await cache.get('key'))?.value).toBe('b')
    // The last number that would be a version. No key is changed so often.
    writeFileSync(join(key, '99999999'), 'foreign', { mode: 0o600 })
    await store('c')
    expect((await cache.get('key'))?.value).toBe('c')
    expect(await cache.clear()).toBe(1)
    expect(readdirSync(key).sort()).toEqual([...foreign].sort())
  })
})
