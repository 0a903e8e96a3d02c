import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenProvider, type SharedTokenCache } from '@mca-auth/core'
import { type AuthorizationServer, memoryTokenCache, startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

describe('the shared cache', () => {
  let server: AuthorizationServer
  beforeEach(async () => {
    server = await startAuthorizationServer()
  })
  afterEach(() => server.close())

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
    await using provider = createTokenProvider({ ...server.appId, sharedCache, sharedCacheTimeoutMs: 5_000 })
    const start = performance.now()
    await provider.getToken()
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  it('waits for who has the lease for half of its budget at most, then asks itself', async () => {
    const sharedCache = { ...memoryTokenCache(), lease: async () => undefined }
    await using provider = createTokenProvider({ ...server.appId, sharedCache, timeoutMs: 3_000 })
    const start = performance.now()
    await provider.getToken()
    expect(performance.now() - start).toBeGreaterThan(1_450)
    expect(performance.now() - start).toBeLessThan(3_000)
  })

  it('is given up where it does not answer, within the delay it may cause', async () => {
    const never = () => new Promise<never>(() => {})
    const sharedCache = { ...memoryTokenCache(), get: never }
    await using provider = createTokenProvider({ ...server.appId, sharedCache, sharedCacheTimeoutMs: 100 })
    const start = performance.now()
    await provider.getToken()
    expect(performance.now() - start).toBeGreaterThan(95)
    expect(performance.now() - start).toBeLessThan(2_000)
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
    const sharedCache = { ...memoryTokenCache(), lease: async () => undefined }
    const provider = createTokenProvider({ ...server.appId, sharedCache })
    const start = performance.now()
    const waiting = provider.getToken().catch((error) => error)
    await sleep(50)
    provider.close()
    expect((await waiting).message).toBe('the token provider is closed')
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  it('gives the lease on when the token request fails, so that the next learns it at once', async () => {
    const sharedCache = memoryTokenCache()
    const options = { ...server.appId, secret: 'wrong', sharedCache }
    const start = performance.now()
    for (let i = 0; i < 3; i++) {
      await using provider = createTokenProvider(options)
      await expect(provider.getToken()).rejects.toMatchObject({ code: 'TOKEN_REQUEST_REFUSED' })
    }
    expect(performance.now() - start).toBeLessThan(1_500)
  })

  it('has a fresher token taken before the own one is over, and no staler one', async () => {
    server.lifetimeSeconds = 2
    const sharedCache = memoryTokenCache()
    await using one = createTokenProvider({ ...server.appId, sharedCache })
    await using other = createTokenProvider({ ...server.appId, sharedCache })
    const first = await one.getToken()
    expect((await other.getToken()).accessToken).toBe(first.accessToken)
    await sleep(1_700) // stale for both
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
})
