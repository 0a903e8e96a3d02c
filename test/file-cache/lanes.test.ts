import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { createTokenProvider } from '@mca-auth/core'
import { fileTokenCache } from '@mca-auth/file-cache'
import { startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { afterAllTests } from '../fleet/cleanup.ts'
import { temporaryDirectory } from './temporary-directory.ts'

describe('what a process does with one key', () => {
  const directory = temporaryDirectory(afterAllTests())
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  /** A count. The sweep of another test may still be running in its own directory. */
  function filesOpenedIn(path: string): () => number {
    const { mock } = vi.spyOn(fs, 'open')
    return () => mock.calls.filter(([file]) => String(file).startsWith(path)).length
  }

  it('happens in its order: a lease that is being extended when it is released stays released', async () => {
    const cache = fileTokenCache({ directory: join(directory, 'order') })
    for (let i = 0; i < 20; i++) {
      await cache.lease('key', 'me', 60_000)
      const extended = cache.lease('key', 'me', 60_000)
      const released = cache.release('key', 'me')
      await Promise.all([extended, released])
      expect((await cache.list()).map((entry) => entry.leased)).toEqual([false])
    }
  })

  it('reads at most one file to see that another process has the lease, and none if nothing has changed', async () => {
    const own = join(directory, 'polled')
    const [holder, waiter] = [fileTokenCache({ directory: own }), fileTokenCache({ directory: own })]
    await holder.lease('key', 'holder', 600_000)
    const opened = filesOpenedIn(own)
    /** As core does: nothing but promises between the two calls. Returns the number of files that it has opened. */
    const poll = async () => {
      const before = opened()
      expect([await waiter.get('key'), await waiter.lease('key', 'waiter', 60_000)]).toEqual([undefined, undefined])
      const count = opened() - before
      expect(count).toBeLessThanOrEqual(1)
      return count
    }
    expect(await poll()).toBe(1)
    // A change could have the same time as the one before, which is too recent.
    await expect.poll(poll).toBe(0)
    expect(await poll()).toBe(0)
    // Each change is seen at once: a token, a deletion, a release.
    const fence = (await holder.lease('key', 'holder', 600_000)) as number
    await holder.set('key', { value: 'v', digest: 'd', expiresInMs: 60_000 }, fence)
    expect((await waiter.get('key'))?.value).toBe('v')
    await holder.delete('key', 'd')
    expect(await waiter.get('key')).toBe(undefined)
    await expect.poll(poll).toBe(0)
    await waiter.get('key')
    await holder.release('key', 'holder')
    expect(await waiter.get('key')).toBe(undefined)
    expect(await waiter.lease('key', 'waiter', 60_000)).toBeGreaterThan(fence)
  })

  it('does not trust the time of a directory that has just been changed, since the next change may have the same', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const own = join(directory, 'recent')
    const [holder, waiter] = [fileTokenCache({ directory: own }), fileTokenCache({ directory: own })]
    await holder.lease('key', 'holder', 600_000)
    const changedAt = Date.now()
    const lstat = fs.lstat
    const stopped = async (path: string) => Object.assign(await lstat(path), { ctimeMs: changedAt })
    vi.spyOn(fs, 'lstat').mockImplementation(stopped as never)
    const opened = filesOpenedIn(own)
    for (let i = 1; i <= 3; i++) {
      await waiter.get('key')
      expect(opened()).toBe(i)
    }
    vi.setSystemTime(changedAt + 60)
    await waiter.get('key') // read again, and from now on it counts
    await waiter.get('key')
    expect(opened()).toBe(4)
  })

  it('ends when the file system hangs: token requests work, at most two threads wait, and then nothing is tried', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    await using server = await startAuthorizationServer()
    // The files of the package are loaded, and the cache is in use.
    const cache = fileTokenCache({ directory: join(directory, 'hangs') })
    const options = { ...server.appId, sharedCache: cache }
    await using patient = createTokenProvider({ ...options, sharedCacheTimeoutMs: 60_000 })
    await patient.getToken()
    await expect.poll(async () => (await cache.list()).map((entry) => entry.leased)).toEqual([false])
    await using provider = createTokenProvider({ ...options, sharedCacheTimeoutMs: 50 })

    const resume: (() => void)[] = []
    const lstat = fs.lstat
    const hang = vi.spyOn(fs, 'lstat').mockImplementation((async (path: string) => {
      await new Promise<void>((resolve) => resume.push(resolve))
      return lstat(path)
    }) as never)
    const scopes = Array.from({ length: 20 }, (_, i) => `scope-${i}`)
    await Promise.all(scopes.map((scope) => provider.getToken({ scope })))
    expect(hang).toHaveBeenCalledTimes(2)
    // Once it has hung for two seconds, nothing waits for it any more. The first tick alone may be a blocked event loop.
    vi.advanceTimersByTime(500)
    const waiting = cache.get('a')
    await new Promise((resolve) => setImmediate(resolve))
    vi.advanceTimersByTime(1_500)
    for (const key of ['a', 'b']) {
      await expect(cache.get(key)).rejects.toThrow('the file system of the token cache does not respond')
      await expect(cache.list()).rejects.toThrow('does not respond')
      await expect(cache.clear()).rejects.toThrow('does not respond')
    }
    expect(hang).toHaveBeenCalledTimes(2)
    vi.restoreAllMocks()
    for (const each of resume) each()
    expect(await waiting).toBe(undefined)
    // It is used again as soon as it responds.
    await expect.poll(() => cache.get('a').catch(() => 'stuck')).toBe(undefined)
    await expect.poll(() => cache.get('b').catch(() => 'stuck')).toBe(undefined)
  })
})
