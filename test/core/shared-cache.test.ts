import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenProvider, type McaAuthOptions, type SharedToken, type SharedTokenCache } from '@mca-auth/core'
import { type AuthorizationServer, memoryTokenCache, startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSealer } from '../../packages/core/src/shared-cache/sealing.ts'
import { VirtualTime } from '../simulation/virtual-time.ts'

/** Works on a virtual clock too. */
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

  it('must have its own keys if there is no secret to derive one from', () => {
    const { secret, ...options } = server.appId
    const message = /`sharedCache` needs `encryptionKeys`/
    const sharedCache = memoryTokenCache()
    expect(() => createTokenProvider({ ...options, secret: () => secret, sharedCache })).toThrow(message)
    expect(() => createTokenProvider({ ...options, clientAuth: () => {}, sharedCache })).toThrow(message)
    const keyed = memoryTokenCache({ encryptionKeys: ['a key that has at least 32 bytes'] })
    createTokenProvider({ ...options, secret: () => secret, sharedCache: keyed }).close()
  })

  it('is checked when it is given', () => {
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

  it('does not delay callers if it throws at once, whatever it throws', async () => {
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

  it('does not delay a new token, which is returned even if it cannot be stored', async () => {
    const never = () => new Promise<never>(() => {})
    const sharedCache = { ...memoryTokenCache(), set: never, release: never }
    // Else this test would wait for it until it times out.
    await using provider = createTokenProvider({ ...server.appId, sharedCache, sharedCacheTimeoutMs: 600_000 })
    await provider.getToken()
  })

  it('is ignored if it does not respond within the delay that it may cause', async () => {
    const never = () => new Promise<never>(() => {})
    const sharedCache = { ...memoryTokenCache(), get: never }
    await using provider = createTokenProvider({ ...server.appId, sharedCache, sharedCacheTimeoutMs: 100 })
    const start = performance.now()
    await provider.getToken()
    expect(performance.now() - start).toBeGreaterThan(95)
  })

  it('deletes a rejected token at once, even if no other is requested', async () => {
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

  it('is no longer waited for once the provider is closed', async () => {
    const lease = vi.fn(async () => undefined)
    const options = { ...server.appId, sharedCache: { ...memoryTokenCache(), lease } }
    // Else this test would wait for it until it times out.
    const provider = createTokenProvider({ ...options, sharedCacheTimeoutMs: 600_000, timeoutMs: 600_000 })
    const waiting = provider.getToken().catch((error) => error)
    await vi.waitFor(() => expect(lease).toHaveBeenCalled())
    provider.close()
    expect((await waiting).message).toBe('the token provider is closed')
  })

  it('hands the lease on when the token request fails, so that the next process learns of it at once', async () => {
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

  it('returns a token that is fresher than the cached one, and never a staler one', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    server.lifetimeSeconds = 100
    const sharedCache = memoryTokenCache()
    await using one = createTokenProvider({ ...server.appId, sharedCache })
    await using other = createTokenProvider({ ...server.appId, sharedCache })
    const first = await one.getToken()
    expect((await other.getToken()).accessToken).toBe(first.accessToken)
    vi.setSystemTime(Date.now() + 85_000) // stale for both
    await one.getToken() // served, and refreshed in the background
    await expect.poll(() => server.tokenRequests).toBe(2)
    await expect.poll(async () => (await one.getToken()).accessToken).not.toBe(first.accessToken)
    await other.getToken()
    await expect.poll(async () => (await other.getToken()).accessToken).not.toBe(first.accessToken)
    expect(server.tokenRequests).toBe(2)
  })

  it('does not return a token that is in its last seconds', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      server.lifetimeSeconds = 100
      const sharedCache = memoryTokenCache()
      await using one = createTokenProvider({ ...server.appId, sharedCache })
      await one.getToken()
      await sleep(20) // stored in the background
      vi.setSystemTime(Date.now() + 96_000)
      await using other = createTokenProvider({ ...server.appId, sharedCache })
      expect((await other.getToken()).expiresAt).toBeGreaterThan(Date.now() + 90_000)
      expect(server.tokenRequests).toBe(2)
    } finally {
      vi.useRealTimers()
    }
  })

  it('does not return a rejected token', async () => {
    const sharedCache = memoryTokenCache()
    // A cache that does not delete: a rejected token is found again.
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
    type Sealed = Record<string, unknown>

    /** Changes an entry that a provider stored, and returns whether it is still used, or another token requested. */
    async function taken(
      change: (sealed: Sealed) => unknown,
      wrap: (value: string, storageKey: string) => string = (value) => value,
      ttl: (expiresInMs: number) => number = (expiresInMs) => expiresInMs,
    ) {
      const store = memoryTokenCache({ encryptionKeys: [key] })
      let stored: Promise<void> = Promise.resolve()
      const set: SharedTokenCache['set'] = (storageKey, token, fence) => {
        stored = store.set(storageKey, token, fence)
        return stored
      }
      await using writer = createTokenProvider({ ...server.appId, sharedCache: { ...store, set } })
      const written = await writer.getToken()
      await expect.poll(() => stored).toBeUndefined()
      const get: SharedTokenCache['get'] = async (storageKey) => {
        const entry = await store.get(storageKey)
        if (entry === undefined) return undefined
        const sealed = JSON.parse(sealer.open(storageKey, entry.value) ?? '{}')
        const value = wrap(sealer.seal(storageKey, JSON.stringify(change(sealed)) ?? ''), storageKey)
        return { ...entry, value, expiresInMs: ttl(entry.expiresInMs) }
      }
      await using reader = createTokenProvider({ ...server.appId, sharedCache: { ...store, get } })
      const before = server.tokenRequests
      const token = await reader.getToken()
      return server.tokenRequests === before ? { token, written } : undefined
    }

    it('whose token it returns, with the remaining lifetime', async () => {
      const result = await taken(
        (sealed) => sealed,
        undefined,
        () => 3_000_000,
      )
      expect(result?.token.accessToken).toBe(result?.written.accessToken)
      expect(result?.token.scope).toBe('appid_default')
      expect(Math.abs((result?.token.expiresAt ?? 0) - Date.now() - 3_000_000)).toBeLessThan(5_000)
      expect(Math.abs((result?.token.issuedAt ?? 0) - Date.now() + 600_000)).toBeLessThan(60_000)
      expect((await taken((sealed) => ({ ...sealed, scope: 7 })))?.token.scope).toBeUndefined()
    })

    it('that states its owner, its token request and its expiry', async () => {
      let text = ''
      await taken((sealed) => {
        text = JSON.stringify(sealed)
        return sealed
      })
      expect(text).toContain(`${server.appId.oauthServerUrl}/token`)
      expect(text).toContain(server.clientId)
      expect(text).not.toContain(server.secret)
      expect(JSON.parse(text)).toMatchObject({ lifetimeMs: 3600_000, expiresAt: expect.any(Number) })
    })

    it.each<[string, (sealed: Sealed) => unknown]>([
      ['nothing', () => undefined],
      ['null', () => null],
      ['text', () => 'shared'],
      ['no token', ({ accessToken: _, ...rest }) => rest],
      ['a token that is a number', (sealed) => ({ ...sealed, accessToken: 7 })],
      ['no lifetime', ({ lifetimeMs: _, ...rest }) => rest],
      ['a lifetime that is text', (sealed) => ({ ...sealed, lifetimeMs: '90000' })],
      ['no expiry', ({ expiresAt: _, ...rest }) => rest],
      ['an expiry that is text', (sealed) => ({ ...sealed, expiresAt: String(sealed.expiresAt) })],
      ['an expiry in the past', (sealed) => ({ ...sealed, expiresAt: Date.now() - 1 })],
      ['no owner', ({ subject: _, ...rest }) => rest],
      ['another owner', (sealed) => ({ ...sealed, subject: String(sealed.subject).replace('test-client', 'other') })],
    ])('with %s: not taken', async (_what, change) => {
      expect(await taken(change)).toBeUndefined()
    })

    it.each([0, -1, Number.NaN, 3600_001])('that expires in %s ms, which is not used', async (expiresInMs) => {
      const unchanged = (sealed: Sealed) => sealed
      expect(await taken(unchanged, undefined, () => expiresInMs)).toBeUndefined()
    })

    it.each<[string, (value: string, storageKey: string) => string]>([
      ['empty', () => ''],
      ['cut to its version', (value) => value.slice(0, 2)],
      ['cut before its tag', (value) => value.slice(0, 30)],
      ['cut at its end', (value) => value.slice(0, -4)],
      ['of another version', (value) => `9${value.slice(1)}`],
      [
        'moved from another key',
        (value, storageKey) => sealer.seal(`${storageKey}x`, sealer.open(storageKey, value) ?? ''),
      ],
      [
        'sealed by another',
        (value, storageKey) => createSealer('another key').seal(storageKey, sealer.open(storageKey, value) ?? ''),
      ],
    ])('that is %s: not taken', async (_what, wrap) => {
      expect(await taken((sealed) => sealed, wrap)).toBeUndefined()
    })
  })

  describe('does not return a token that was kept beyond its expiry', () => {
    /** A store that keeps every entry forever, and reports any time to live. */
    function persistent(ttl: () => number) {
      const entries = new Map<string, SharedToken>()
      const store = memoryTokenCache()
      const set: SharedTokenCache['set'] = async (key, token) => void entries.set(key, token)
      const get: SharedTokenCache['get'] = async (key) => {
        const entry = entries.get(key)
        return entry && { ...entry, expiresInMs: ttl() }
      }
      return { entries, sharedCache: { ...store, set, get } }
    }

    it.each([
      [3600, 3600_001, 3600_000],
      [3600, 3600_001, 60_000],
      [3600, 24 * 3600_000, 3600_000],
      [30, 31_000, 60_000],
      [30, 160_000, 30_000],
    ])('of %i s, after %i ms with %i ms to live', async (lifetimeSeconds, passed, ttl) => {
      vi.useFakeTimers({ toFake: ['Date'] })
      try {
        server.lifetimeSeconds = lifetimeSeconds
        const { entries, sharedCache } = persistent(() => ttl)
        await using one = createTokenProvider({ ...server.appId, sharedCache })
        const { accessToken } = await one.getToken()
        await expect.poll(() => entries.size).toBe(1)
        vi.setSystemTime(Date.now() + passed)
        await using other = createTokenProvider({ ...server.appId, sharedCache })
        expect((await other.getToken()).accessToken).not.toBe(accessToken)
        expect(server.tokenRequests).toBe(2)
      } finally {
        vi.useRealTimers()
      }
    })

    it('and one whose time to live was extended still expires on time', async () => {
      vi.useFakeTimers({ toFake: ['Date'] })
      try {
        const { entries, sharedCache } = persistent(() => 3600_000)
        await using one = createTokenProvider({ ...server.appId, sharedCache })
        const { accessToken, expiresAt } = await one.getToken()
        await expect.poll(() => entries.size).toBe(1)
        vi.setSystemTime(Date.now() + 1800_000)
        await using other = createTokenProvider({ ...server.appId, sharedCache })
        expect(await other.getToken()).toMatchObject({ accessToken, expiresAt })
      } finally {
        vi.useRealTimers()
      }
    })

    it('but returns one of a host whose clock is two minutes off, even if its lifetime is a minute', async () => {
      vi.useFakeTimers({ toFake: ['Date'] })
      try {
        server.lifetimeSeconds = 60
        for (const offset of [120_000, -120_000]) {
          const { entries, sharedCache } = persistent(() => 59_000)
          await using one = createTokenProvider({ ...server.appId, sharedCache })
          const { accessToken } = await one.getToken()
          await expect.poll(() => entries.size).toBe(1)
          vi.setSystemTime(Date.now() + offset)
          await using other = createTokenProvider({ ...server.appId, sharedCache })
          const token = await other.getToken()
          expect(token.accessToken).toBe(accessToken)
          expect(token.expiresAt - Date.now()).toBeLessThanOrEqual(60_000)
        }
      } finally {
        vi.useRealTimers()
      }
    })
  })

  describe('is shared only by equal clients', () => {
    const sharedKey = 'the same key for all, of 32 bytes or more'
    const tokenEndpoint = 'https://idp.example.com/token'

    /** How many token requests two providers with one cache make. */
    async function requests(one: McaAuthOptions, other: McaAuthOptions, encryptionKeys: string[] = [sharedKey]) {
      const sharedCache = memoryTokenCache({ encryptionKeys })
      let count = 0
      let stored = 0
      const set: SharedTokenCache['set'] = async (...entry) => {
        await sharedCache.set(...entry)
        stored++
      }
      for (const options of [one, other]) {
        await using provider = createTokenProvider({
          ...{ tokenEndpoint, clientId: 'client', sharedCache: { ...sharedCache, set } },
          fetch: async () => Response.json({ access_token: `token-${++count}`, expires_in: 3600 }),
          ...options,
        })
        await provider.getToken()
        await provider.getToken({ scope: 'read' })
        // Stored in the background, unless it is not shared at all.
        if (options.clientAuth === undefined || options.identity !== undefined) {
          await expect.poll(() => stored).toBeGreaterThanOrEqual(count)
        }
      }
      return count
    }
    const secret = 'fake-secret'
    const sign = () => {}

    it.each<[string, McaAuthOptions, McaAuthOptions]>([
      ['the same secret', { secret }, { secret }],
      ['the same secret, given by a function', { secret }, { secret: async () => secret }],
      [
        'a function and the same identity',
        { clientAuth: sign, identity: 'a' },
        { clientAuth: () => {}, identity: 'a' },
      ],
      ['the same URL, written otherwise', { secret }, { secret, tokenEndpoint: 'https://IDP.example.com:443/token' }],
    ])('share: %s', async (_what, one, other) => {
      expect(await requests(one, other)).toBe(2)
    })

    it.each<[string, McaAuthOptions, McaAuthOptions]>([
      ['another secret', { secret }, { secret: 'another-fake-secret' }],
      ['another secret, given by a function', { secret: () => secret }, { secret: () => 'another-fake-secret' }],
      ['another client', { secret }, { secret, clientId: 'other' }],
      ['another server', { secret }, { secret, tokenEndpoint: 'https://idp.example.com/other/token' }],
      ['another way to authenticate', { secret }, { secret, clientAuth: 'client_secret_post' }],
      ['an identity with the same secret', { secret }, { secret, identity: 'a' }],
      ['functions without an identity', { clientAuth: sign }, { clientAuth: () => {} }],
      ['the same function without an identity', { clientAuth: sign }, { clientAuth: sign }],
      ['a function, and a secret that it may not use', { clientAuth: sign, secret }, { clientAuth: sign, secret }],
      ['functions with two identities', { clientAuth: sign, identity: 'a' }, { clientAuth: sign, identity: 'b' }],
      ['a function and a secret of one identity', { clientAuth: sign, identity: 'a' }, { secret, identity: 'a' }],
      ['a client whose id contains the other one', { secret, clientId: 'a","b' }, { secret, clientId: 'a' }],
    ])('do not share: %s', async (_what, one, other) => {
      expect(await requests(one, other)).toBe(4)
    })

    it('with several keys, whichever of them sealed the entry', async () => {
      const keys = ['a newer key that has at least 32 bytes', sharedKey]
      const sharedCache = memoryTokenCache()
      let count = 0
      const fetch = async () => Response.json({ access_token: `token-${++count}`, expires_in: 3600 })
      for (const encryptionKeys of [[sharedKey], keys]) {
        const options = { tokenEndpoint, clientId: 'client', secret: () => secret, fetch }
        await using provider = createTokenProvider({ ...options, sharedCache: { ...sharedCache, encryptionKeys } })
        await provider.getToken()
        await sleep(10)
      }
      expect(count).toBe(1)
    })

    it('after a rotation it simply misses, and a token of the old secret is not stored for the new one', async () => {
      const sharedCache = memoryTokenCache({ encryptionKeys: [sharedKey] })
      const subjects: string[] = []
      const sealer = createSealer(sharedKey)
      const set: SharedTokenCache['set'] = async (key, token, fence) => {
        subjects.push(sealer.open(key, token.value) ?? '')
        await sharedCache.set(key, token, fence)
      }
      const options = { ...server.appId, sharedCache: { ...sharedCache, set } }
      let current = server.secret
      await using one = createTokenProvider({ ...options, secret: () => current })
      const first = await one.getToken()
      await expect.poll(() => subjects.length).toBe(1)
      server.rotateSecret('another-fake-secret', { keepOld: true })
      current = 'another-fake-secret'
      await using other = createTokenProvider({ ...options, secret: () => current })
      expect((await other.getToken()).accessToken).not.toBe(first.accessToken)
      await expect.poll(() => subjects.length).toBe(2)

      // Rotated between the cache lookup and the token request, which is repeated with the new one after a denial.
      server.rotateSecret('a-third-fake-secret')
      const readings = ['another-fake-secret', 'a-third-fake-secret']
      await using third = createTokenProvider({ ...options, secret: () => readings.shift() as string })
      await third.getToken({ scope: 'x' })
      expect(readings).toEqual([])
      await sleep(20)
      expect(subjects).toHaveLength(2)
    })

    it('with a secret function that fails or hangs, the cache is bypassed', async () => {
      let reads = 0
      const sharedCache = memoryTokenCache({ encryptionKeys: [sharedKey] })
      const secret = async () => {
        if (++reads === 1) throw new Error('vault')
        return server.secret
      }
      await using provider = createTokenProvider({ ...server.appId, secret, sharedCache })
      await provider.getToken()
      expect(reads).toBe(2)
      const never = () => new Promise<never>(() => {})
      await using hanging = createTokenProvider({ ...server.appId, secret: never, sharedCache, timeoutMs: 100 })
      await expect(hanging.getToken()).rejects.toThrow('no token response within 100 ms')
    })
  })

  describe('keeps its lease', () => {
    /** A cache that reports each lease and release, with its holder. */
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

    it('as long as its token request lasts, and releases it once', async () => {
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

    it('no longer if another process has stored a token meanwhile', async () => {
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
  })

  it('waits for half of the time for a holder, then requests its own token, and releases no lease of others', async () => {
    const fetch = vi.fn(async () => Response.json({ access_token: 'opaque', expires_in: 3600 }))
    const release = vi.fn(async () => {})
    const sharedCache = { ...memoryTokenCache(), lease: async () => undefined, release }
    const options = { ...server.appId, fetch, timeoutMs: 2_000 }
    const broken = { ...memoryTokenCache(), get: () => Promise.reject(new Error('no cache')) }
    await using first = createTokenProvider({ ...options, sharedCache: broken })
    await first.getToken() // loads what a token request needs
    using time = new VirtualTime(1)
    await using provider = createTokenProvider({ ...options, sharedCache })
    const waiting = provider.getToken()
    await time.pass(950)
    expect(fetch).toHaveBeenCalledTimes(1)
    await time.pass(150)
    expect(fetch).toHaveBeenCalledTimes(2)
    await waiting
    expect(release).not.toHaveBeenCalled()
  })

  it('stays within its time budget over all its responses together', async () => {
    const cache = memoryTokenCache()
    const fetch = vi.fn(async () => Response.json({ access_token: 'opaque', expires_in: 3600 }))
    const provideBy = (get: SharedTokenCache['get']) => {
      const sharedCache: SharedTokenCache = { ...cache, get, lease: () => new Promise(() => {}) }
      return createTokenProvider({ ...server.appId, fetch, sharedCache, sharedCacheTimeoutMs: 500 })
    }
    await using first = provideBy(() => Promise.reject(new Error('no cache')))
    await first.getToken() // loads what a token request needs
    using time = new VirtualTime(1)
    await using provider = provideBy((key) => sleepFor(400).then(() => cache.get(key)))
    const waiting = provider.getToken()
    await time.pass(499)
    expect(fetch).toHaveBeenCalledTimes(1)
    await time.pass(2)
    expect(fetch).toHaveBeenCalledTimes(2)
    await waiting
  })

  it('is not given a token that has expired on arrival', async () => {
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
