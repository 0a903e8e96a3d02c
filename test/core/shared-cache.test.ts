import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenProvider, type SharedTokenCache } from '@mca-auth/core'
import { type AuthorizationServer, memoryTokenCache, startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSealer } from '../../packages/core/dist/shared-cache/sealing.js'
import { VirtualTime } from '../simulation/virtual-time.ts'

/** On a virtual clock too. */
const sleepFor = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('the shared cache', () => {
  let server: AuthorizationServer
  beforeEach(async () => {
    server = await startAuthorizationServer()
  })
  afterEach(async () => {
    vi.useRealTimers()
    await server.close()
  })

  it('is asked for keys of its own where there is no secret to derive one from', () => {
    const { secret, ...options } = server.appId
    const message = /`sharedCache` needs `encryptionKeys`/
    const sharedCache = memoryTokenCache()
    expect(() => createTokenProvider({ ...options, secret: () => secret, sharedCache })).toThrow(message)
    expect(() => createTokenProvider({ ...options, clientAuth: () => {}, sharedCache })).toThrow(message)
    const keyed = memoryTokenCache({ encryptionKeys: ['a key that has no less than 32 bytes'] })
    createTokenProvider({ ...options, secret: () => secret, sharedCache: keyed }).close()
  })

  it('says what is wrong with it', () => {
    const make = (sharedCache: unknown) => () =>
      createTokenProvider({ ...server.appId, sharedCache: sharedCache as SharedTokenCache })
    expect(make('redis')).toThrow('`sharedCache` must be an object')
    expect(make({ get: () => {} })).toThrow('`sharedCache.set` must be a function')
    for (const encryptionKeys of ['text', [], ['short'], [42]]) {
      expect(make(memoryTokenCache({ encryptionKeys: encryptionKeys as string[] }))).toThrow(
        '`encryptionKeys` must be a list of strings or Uint8Arrays of at least 32 bytes each',
      )
    }
    expect(() => createTokenProvider({ ...server.appId, sharedCacheTimeoutMs: 0 })).toThrow(/sharedCacheTimeoutMs/)
  })

  it('leaves callers without delay where it throws at once, of whatever kind', async () => {
    const fails = () => {
      throw new Error('not a promise')
    }
    const broken = { get: fails, set: fails, delete: fails, lease: fails, release: fails }
    const { get, lease } = memoryTokenCache()
    for (const sharedCache of [broken, { ...broken, get }, { ...broken, get, lease }]) {
      await using provider = createTokenProvider({ ...server.appId, sharedCache })
      const token = await provider.getToken()
      expect(provider.invalidate(token)).toBe(true)
      await provider.getToken()
    }
    expect(server.tokenRequests).toBe(6)
  })

  it('is not waited for at its end: a token that is there is given, though it can not be stored', async () => {
    const never = () => new Promise<never>(() => {})
    const sharedCache = { ...memoryTokenCache(), set: never, release: never }
    // Else this test would wait for it until it times out.
    await using provider = createTokenProvider({ ...server.appId, sharedCache, sharedCacheTimeoutMs: 600_000 })
    await provider.getToken()
  })

  it('waits for who has the lease for half of its budget at most, then asks itself', async () => {
    const sharedCache = { ...memoryTokenCache(), lease: async () => undefined }
    const options = { ...server.appId, sharedCache, sharedCacheTimeoutMs: 60_000, timeoutMs: 4_000 }
    await using provider = createTokenProvider(options)
    const start = performance.now()
    await provider.getToken() // rejects when `timeoutMs` is over
    expect(performance.now() - start).toBeGreaterThan(1_950)
  })

  it('is given up where it does not answer, within the delay it may cause', async () => {
    const never = () => new Promise<never>(() => {})
    const sharedCache = { ...memoryTokenCache(), get: never }
    await using provider = createTokenProvider({ ...server.appId, sharedCache, sharedCacheTimeoutMs: 100 })
    const start = performance.now()
    await provider.getToken()
    expect(performance.now() - start).toBeGreaterThan(95)
  })

  it('has a refused token deleted at once, also where nobody asks for another', async () => {
    const sharedCache = memoryTokenCache()
    const deleted: string[] = []
    const spy: SharedTokenCache['delete'] = async (key, digest) => {
      deleted.push(digest)
      await sharedCache.delete(key, digest)
    }
    await using provider = createTokenProvider({ ...server.appId, sharedCache: { ...sharedCache, delete: spy } })
    provider.invalidate(await provider.getToken())
    await expect.poll(() => deleted.length).toBe(1)
    expect(deleted[0]).toMatch(/^[\w-]{43}$/)
  })

  it('is not waited for any more once the provider is closed', async () => {
    const lease = vi.fn(async () => undefined)
    const options = { ...server.appId, sharedCache: { ...memoryTokenCache(), lease } }
    // Else this test would wait for it until it times out.
    const provider = createTokenProvider({ ...options, sharedCacheTimeoutMs: 600_000, timeoutMs: 600_000 })
    const waiting = provider.getToken().catch((error) => error)
    await vi.waitFor(() => expect(lease).toHaveBeenCalled())
    provider.close()
    expect((await waiting).message).toBe('the token provider is closed')
  })

  it('gives the lease on when the token request fails, so that the next learns it at once', async () => {
    const cache = memoryTokenCache()
    const leases: unknown[] = []
    const lease: SharedTokenCache['lease'] = async (...args) => {
      leases.push(await cache.lease(...args))
      return leases.at(-1) as number | undefined
    }
    const options = { ...server.appId, secret: 'wrong', sharedCache: { ...cache, lease } }
    for (let i = 0; i < 3; i++) {
      await using provider = createTokenProvider(options)
      await expect(provider.getToken()).rejects.toMatchObject({ code: 'TOKEN_REQUEST_REFUSED' })
    }
    expect(leases).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)])
  })

  it('has a fresher token taken before the own one is over, and no staler one', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    server.lifetimeSeconds = 100
    const sharedCache = memoryTokenCache()
    await using one = createTokenProvider({ ...server.appId, sharedCache })
    await using other = createTokenProvider({ ...server.appId, sharedCache })
    const first = await one.getToken()
    expect((await other.getToken()).accessToken).toBe(first.accessToken)
    vi.setSystemTime(Date.now() + 85_000) // stale for both
    await one.getToken() // served, and renewed behind
    await expect.poll(() => server.tokenRequests).toBe(2)
    await expect.poll(async () => (await one.getToken()).accessToken).not.toBe(first.accessToken)
    await other.getToken()
    await expect.poll(async () => (await other.getToken()).accessToken).not.toBe(first.accessToken)
    expect(server.tokenRequests).toBe(2)
  })

  it('has no token taken that is in its last seconds', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      server.lifetimeSeconds = 100
      const sharedCache = memoryTokenCache()
      await using one = createTokenProvider({ ...server.appId, sharedCache })
      await one.getToken()
      await sleep(20) // stored behind its caller
      vi.setSystemTime(Date.now() + 96_000)
      await using other = createTokenProvider({ ...server.appId, sharedCache })
      expect((await other.getToken()).expiresAt).toBeGreaterThan(Date.now() + 90_000)
      expect(server.tokenRequests).toBe(2)
    } finally {
      vi.useRealTimers()
    }
  })

  it('does not give a refused token back', async () => {
    const sharedCache = memoryTokenCache()
    // A cache that does not delete: what was refused is found again.
    await using provider = createTokenProvider({
      ...server.appId,
      sharedCache: { ...sharedCache, delete: async () => {} },
    })
    const refused = await provider.getToken()
    await sleep(20)
    provider.invalidate(refused)
    expect((await provider.getToken()).accessToken).not.toBe(refused.accessToken)
    expect(server.tokenRequests).toBe(2)
  })

  it('keeps providers of other clients and other servers apart', async () => {
    await using elsewhere = await startAuthorizationServer()
    const sharedCache = memoryTokenCache({ encryptionKeys: ['the same key for all, of 32 bytes or more'] })
    await using one = createTokenProvider({ ...server.appId, sharedCache })
    await using other = createTokenProvider({ ...elsewhere.appId, sharedCache })
    expect((await one.getToken()).accessToken).not.toBe((await other.getToken()).accessToken)
  })

  it('costs a request nothing while its token is fresh', async () => {
    let calls = 0
    const cache = memoryTokenCache()
    const get: SharedTokenCache['get'] = (key) => {
      calls++
      return cache.get(key)
    }
    await using provider = createTokenProvider({ ...server.appId, sharedCache: { ...cache, get } })
    await provider.getToken()
    const before = calls
    for (let i = 0; i < 1_000; i++) await provider.getToken()
    expect(calls).toBe(before)
  })

  describe('holds an entry', () => {
    const key = 'the same key for all, of 32 bytes or more'
    const sealer = createSealer(key)

    /** Whether the token of this entry is taken, or another asked for. */
    async function taken(entry: (storageKey: string) => { value: string; expiresInMs: number }) {
      const sharedCache: SharedTokenCache = {
        ...memoryTokenCache({ encryptionKeys: [key] }),
        get: async (storageKey) => ({ digest: 'any', ...entry(storageKey) }),
      }
      await using provider = createTokenProvider({ ...server.appId, sharedCache })
      const before = server.tokenRequests
      const token = await provider.getToken()
      return server.tokenRequests === before ? token : undefined
    }
    const sealed = (json: unknown) => (storageKey: string) => ({
      value: sealer.seal(storageKey, JSON.stringify(json)),
      expiresInMs: 60_000,
    })

    it('whose token it is, with the life that is left', async () => {
      const token = await taken(sealed({ accessToken: 'shared', scope: 'read', lifetimeMs: 90_000 }))
      expect(token).toMatchObject({ accessToken: 'shared', scope: 'read' })
      expect(Math.abs((token?.expiresAt ?? 0) - Date.now() - 60_000)).toBeLessThan(1_000)
      expect(Math.abs((token?.issuedAt ?? 0) - Date.now() + 30_000)).toBeLessThan(1_000)
      expect(await taken(sealed({ accessToken: 'shared', scope: 7, lifetimeMs: 90_000 }))).toMatchObject({
        scope: undefined,
      })
    })

    it.each<[string, unknown]>([
      ['nothing', undefined],
      ['null', null],
      ['text', 'shared'],
      ['no token', { lifetimeMs: 90_000 }],
      ['a token that is a number', { accessToken: 7, lifetimeMs: 90_000 }],
      ['no life', { accessToken: 'shared' }],
      ['a life that is text', { accessToken: 'shared', lifetimeMs: '90000' }],
    ])('of another version, with %s: not taken', async (_what, json) => {
      const value = (storageKey: string) => sealer.seal(storageKey, JSON.stringify(json) ?? '')
      expect(await taken((storageKey) => ({ value: value(storageKey), expiresInMs: 60_000 }))).toBeUndefined()
    })

    it.each([0, -1, Number.NaN])('that lives %s ms: not taken', async (expiresInMs) => {
      const good = sealed({ accessToken: 'shared', lifetimeMs: 90_000 })
      expect(await taken((storageKey) => ({ ...good(storageKey), expiresInMs }))).toBeUndefined()
    })

    it.each<[string, (value: string, storageKey: string) => string]>([
      ['empty', () => ''],
      ['cut to its version', (value) => value.slice(0, 2)],
      ['cut before its tag', (value) => value.slice(0, 30)],
      ['cut by its end', (value) => value.slice(0, -4)],
      ['of a later version', (value) => `2${value.slice(1)}`],
      ['moved from another key', (_value, storageKey) => sealer.seal(`${storageKey}x`, '{}')],
      ['sealed by another', (_value, storageKey) => createSealer('another key').seal(storageKey, '{}')],
    ])('that is %s: not taken', async (_what, change) => {
      const good = sealed({ accessToken: 'shared', lifetimeMs: 90_000 })
      const entry = (storageKey: string) => {
        const { value, expiresInMs } = good(storageKey)
        return { value: change(value, storageKey), expiresInMs }
      }
      expect(await taken(entry)).toBeUndefined()
    })
  })

  describe('keeps its lease', () => {
    /** A cache that tells of each lease and release, by its holder. */
    function spied(cache: SharedTokenCache = memoryTokenCache()) {
      const leases: string[] = []
      const releases: string[] = []
      const sharedCache: SharedTokenCache = {
        ...cache,
        lease: (key, holder, durationMs) => {
          leases.push(holder)
          return cache.lease(key, holder, durationMs)
        },
        release: (key, holder) => {
          releases.push(holder)
          return cache.release(key, holder)
        },
      }
      return { sharedCache, leases, releases }
    }

    it('as long as its token request lasts, and gives it back once', async () => {
      const { sharedCache, leases, releases } = spied()
      const slow: typeof fetch = async (url, init) => {
        await vi.waitFor(() => expect(leases.length).toBeGreaterThan(2))
        return fetch(url, init)
      }
      await using provider = createTokenProvider({ ...server.appId, sharedCache, fetch: slow, timeoutMs: 100_000 })
      await provider.getToken()
      await expect.poll(() => releases.length).toBe(1)
      const count = leases.length
      expect(count).toBeGreaterThan(2)
      expect(new Set([...leases, ...releases]).size).toBe(1)
      await sleep(700)
      expect([leases.length, releases.length]).toEqual([count, 1])
    })

    it('no longer where another has stored meanwhile', async () => {
      const cache = memoryTokenCache()
      await using first = createTokenProvider({ ...server.appId, sharedCache: cache })
      await first.getToken()
      await sleep(20)
      let looks = 0
      const late: SharedTokenCache = { ...cache, get: async (key) => (looks++ === 0 ? undefined : cache.get(key)) }
      const { sharedCache, leases, releases } = spied(late)
      await using provider = createTokenProvider({ ...server.appId, sharedCache })
      await provider.getToken()
      expect(server.tokenRequests).toBe(1)
      expect(leases).toHaveLength(1)
      await expect.poll(() => releases).toEqual(leases)
    })

    it('and gives none back that it has not', async () => {
      const { sharedCache, releases } = spied({ ...memoryTokenCache(), lease: async () => undefined })
      const options = { ...server.appId, sharedCache, sharedCacheTimeoutMs: 60_000, timeoutMs: 2_000 }
      await using provider = createTokenProvider(options)
      await provider.getToken()
      await sleep(50)
      expect(releases).toEqual([])
    })
  })

  it('has all its answers together wait no longer than it may', async () => {
    const cache = memoryTokenCache()
    const fetch = vi.fn(async () => Response.json({ access_token: 'opaque', expires_in: 3600 }))
    const provideBy = (get: SharedTokenCache['get']) => {
      const sharedCache: SharedTokenCache = { ...cache, get, lease: () => new Promise(() => {}) }
      return createTokenProvider({ ...server.appId, fetch, sharedCache, sharedCacheTimeoutMs: 500 })
    }
    await using first = provideBy(() => Promise.reject(new Error('no cache')))
    await first.getToken() // loads what a token request needs
    const time = new VirtualTime(1)
    try {
      await using provider = provideBy((key) => sleepFor(400).then(() => cache.get(key)))
      const waiting = provider.getToken()
      await time.pass(499)
      expect(fetch).toHaveBeenCalledTimes(1)
      await time.pass(2)
      expect(fetch).toHaveBeenCalledTimes(2)
      await waiting
    } finally {
      time.end()
    }
  })

  it('is not given a token that is over on arrival', async () => {
    server.lifetimeSeconds = 0
    let stored = 0
    const cache = memoryTokenCache()
    const set: SharedTokenCache['set'] = async () => {
      stored++
    }
    await using provider = createTokenProvider({ ...server.appId, sharedCache: { ...cache, set } })
    await provider.getToken()
    await sleep(50)
    expect(stored).toBe(0)
  })
})
