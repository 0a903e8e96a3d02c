import { getEventListeners } from 'node:events'
import { type CachingTokenProvider, createTokenProvider, type McaAuthError } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/fetch'
import { memoryTokenCache } from '@mca-auth/testing'
import { describe, expect, it, vi } from 'vitest'
import { provide, resource, server } from '../servers/app-id.ts'

/** Whether this has settled by the end of this turn of the event loop. */
async function settlesNow(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const done = () => {
    settled = true
  }
  promise.then(done, done)
  await new Promise((resolve) => setImmediate(resolve))
  return settled
}

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: Error) => error.message,
  )
const never = () => new Promise<never>(() => {})

describe('a signal', () => {
  it('has one listener, however many calls wait with it, and none when they have their tokens', async () => {
    server.delayMs = 30
    const [one, other] = [provide(), provide()]
    const { signal } = new AbortController()
    const waits = Array.from({ length: 50 }, (_, i) => one.getToken({ scope: `s${i % 5}`, signal }))
    const alsoWaits = Array.from({ length: 50 }, () => other.getAuthorizationHeader({ signal }))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await Promise.all([...waits, ...alsoWaits])
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    const later = one.getToken({ scope: 'later', signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await later
  })

  it('ends every wait that uses it, and no other', async () => {
    server.delayMs = 30
    const provider = provide()
    const [controller, another] = [new AbortController(), new AbortController()]
    const aborted = [1, 2, 3].map(() => messageOf(provider.getToken({ signal: controller.signal })))
    const others = [provider.getToken({ signal: another.signal }), provider.getToken()]
    controller.abort(new Error('mine'))
    expect(await Promise.all(aborted)).toEqual(['mine', 'mine', 'mine'])
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    expect(getEventListeners(another.signal, 'abort')).toHaveLength(1)
    await Promise.all(others)
    expect(server.tokenRequests).toBe(1)
  })

  it('has no listener left after a wait that failed', async () => {
    const provider = provide({ secret: 'wrong-fake-secret' })
    const { signal } = new AbortController()
    await Promise.allSettled([provider.getToken({ signal }), provider.getToken({ signal })])
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('close', () => {
  it.each<[string, () => object]>([
    ['before the first request is sent', () => ({})],
    ['with a secret function that hangs', () => ({ secret: never })],
    ['with a fetch that ignores its signal', () => ({ fetch: never })],
    ['with a shared cache that hangs', () => ({ sharedCache: { ...memoryTokenCache(), get: never } })],
    [
      'while another process has the lease',
      () => ({ sharedCache: { ...memoryTokenCache(), lease: async () => undefined } }),
    ],
  ])('in the tick of the first call ends the wait at once, %s', async (_when, options) => {
    const provider = provide(options())
    const waiting = [provider.getToken(), provider.getToken({ signal: new AbortController().signal })]
    const outcomes = waiting.map(messageOf)
    provider.close()
    expect(await settlesNow(Promise.all(outcomes))).toBe(true)
    expect(await Promise.all(outcomes)).toEqual(['the token provider is closed', 'the token provider is closed'])
    expect(provider.health().flights).toBe(0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(server.tokenRequests).toBe(0)
  })

  it('a few microtasks later ends the wait at once, at whichever await it is', async () => {
    for (let ticks = 0; ticks < 30; ticks++) {
      const provider = provide({ secret: async () => server.secret, sharedCacheTimeoutMs: 10_000 })
      const outcome = messageOf(provider.getToken())
      for (let i = 0; i < ticks; i++) await null
      provider.close()
      expect(await settlesNow(outcome)).toBe(true)
    }
  })

  it('in the middle of an attempt, a back-off or a throttling ends it at once', async () => {
    server.delayMs = 60_000
    const attempt = provide({ timeoutMs: 120_000 })
    const waiting = messageOf(attempt.getToken())
    await vi.waitFor(() => expect(server.tokenRequests).toBe(1))
    attempt.close()
    expect(await settlesNow(waiting)).toBe(true)
    server.script({ status: 429, headers: { 'retry-after': '50' } })
    const throttled = provide({ timeoutMs: 120_000 })
    const waitingToo = messageOf(throttled.getToken())
    await vi.waitFor(() => expect(throttled.health().failure?.code).toBe('TOKEN_REQUEST_THROTTLED'))
    throttled.close()
    expect(await settlesNow(waitingToo)).toBe(true)
    expect(await waitingToo).toBe('the token provider is closed')
  })

  it('gives callers that wait for a refresh the old token while it is valid', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const provider = provide()
    const token = await provider.getToken()
    vi.setSystemTime(Date.now() + 3600_000 - 1_000)
    server.delayMs = 60_000
    const waiting = provider.getToken()
    await vi.waitFor(() => expect(server.tokenRequests).toBe(2))
    provider.close()
    expect(await waiting).toBe(token)
    expect(await provider.getToken()).toBe(token)
    vi.setSystemTime(Date.now() + 1_000)
    expect(await messageOf(provider.getToken())).toBe('the token provider is closed')
  })
})

describe('a token request that needs its own token', () => {
  const isLoop = expect.stringContaining('this is a loop')

  it.each<[string, (ask: () => Promise<unknown>) => object]>([
    ['a secret function', (ask) => ({ secret: () => ask().then(() => 'fake-secret') })],
    ['a secret function that hides the reason', (ask) => ({ secret: () => ask().catch(() => server.secret) })],
    ['a clientAuth function', (ask) => ({ secret: undefined, clientAuth: ask })],
    ['a custom fetch', (ask) => ({ fetch: () => ask() })],
  ])('by %s fails at once, and says so', async (_name, options) => {
    const seen: string[] = []
    const ask = (): Promise<unknown> => {
      const asked = provider.getToken()
      asked.catch((error) => seen.push(error.message))
      return asked
    }
    const provider: CachingTokenProvider = provide({ timeoutMs: 60_000, ...options(ask) })
    const outcome = await messageOf(provider.getToken())
    expect(seen[0]).toEqual(isLoop)
    if (outcome !== 'no error') expect(outcome).toEqual(isLoop)
    expect(provider.health().flights).toBe(0)
  })

  it('by a client of the same provider fails at once, whatever that client wraps the error in', async () => {
    let send: (url: string) => Promise<unknown> = never
    const wrapping = () =>
      send(resource.origin).catch((error) => {
        throw new Error('vault: request failed', { cause: error })
      }) as Promise<string>
    const provider = provide({ timeoutMs: 60_000, secret: wrapping })
    send = mcaAuth(provider)
    const error: McaAuthError = await provider.getToken().catch((caught) => caught)
    expect(error).toMatchObject({ code: 'TOKEN_REQUEST_FAILED', message: isLoop })
    expect(resource.received).toHaveLength(0)
  })

  it('by its shared cache continues at once without the cache', async () => {
    const seen: string[] = []
    const get = async () => {
      await provider.getToken({ scope: 'cache' }).catch((error) => seen.push(error.message))
      return undefined
    }
    const sharedCache = { ...memoryTokenCache(), get }
    const provider: CachingTokenProvider = provide({ sharedCache, sharedCacheTimeoutMs: 60_000 })
    await provider.getToken()
    expect(seen).toContainEqual(isLoop)
  })

  it('by way of other providers fails at once, in a ring of three', async () => {
    const ring: CachingTokenProvider[] = []
    const next = (i: number) => async () => {
      await ring[(i + 1) % 3]?.getToken()
      return server.secret
    }
    for (const i of [0, 1, 2]) ring.push(provide({ timeoutMs: 60_000, secret: next(i) }))
    const outcomes = await Promise.all(ring.map((provider) => messageOf(provider.getToken())))
    expect(outcomes).toEqual([isLoop, isLoop, isLoop])
    expect(await messageOf((ring[1] as CachingTokenProvider).getToken({ scope: 'x' }))).toEqual(isLoop)
  })

  it('of another provider is not a loop: nested providers work, and so does a cached token', async () => {
    const vault = provide({ scope: 'vault' })
    const nested = provide({ secret: async () => (await vault.getToken()) && server.secret })
    const outer = provide({ secret: async () => (await nested.getToken()) && server.secret })
    await Promise.all([outer.getToken(), nested.getToken(), vault.getToken()])
    expect(server.tokenRequests).toBe(3)

    const own: CachingTokenProvider = provide({
      secret: async () => own.peek({ scope: 'warm' })?.slice(0, 0).concat(server.secret) ?? server.secret,
    })
    await own.getToken({ scope: 'warm' })
    const reading: CachingTokenProvider = provide({
      secret: async () =>
        reading.health().cachedTokens > 0
          ? (await reading.getToken({ scope: 'warm' })) && server.secret
          : server.secret,
    })
    await reading.getToken({ scope: 'warm' })
    await reading.getToken({ scope: 'other' })
  })

  it('is a loop only while it is pending: what it started continues as usual', async () => {
    let later: Promise<unknown> = Promise.resolve()
    const provider: CachingTokenProvider = provide({
      secret: () => {
        later = new Promise((resolve) => setTimeout(resolve, 30)).then(async () => {
          while (provider.health().flights > 0) await new Promise((resolve) => setTimeout(resolve, 5))
          return provider.getToken({ scope: 'later' })
        })
        return server.secret
      },
    })
    await provider.getToken()
    const first = later
    await first
    await provider.getToken()
    expect(server.tokenRequests).toBeGreaterThanOrEqual(2)
  })

  it('that waits with a signal stops waiting when it aborts', async () => {
    server.delayMs = 50
    const slow = provide({ secret: async () => (await first.getToken()) && server.secret })
    const first: CachingTokenProvider = provide({
      secret: async () => {
        await slow.getToken({ signal: AbortSignal.timeout(1) }).catch(() => {})
        return server.secret
      },
    })
    // `slow` is in flight before `first` needs it, and waits for `first` only after that has given up.
    await first.getToken()
  })

  it('costs nothing afterwards: the storage is not in use', async () => {
    await provide().getToken()
    const shared = (globalThis as unknown as Record<symbol, { pending: number; storage: { enabled?: boolean } }>)[
      Symbol.for('mca-auth.pending-token-requests.1')
    ]
    expect(shared?.pending).toBe(0)
    // It makes Node 20 and 22 call a hook for each promise; newer versions have no such switch.
    expect(shared?.storage.enabled ?? false).toBe(false)
    const failing = createTokenProvider({ ...server.appId, secret: 'wrong-fake-secret' })
    await failing.getToken().catch(() => {})
    failing.close()
    expect(shared?.pending).toBe(0)
    const closing: CachingTokenProvider = provide({
      sharedCache: memoryTokenCache({ encryptionKeys: ['a key that has at least 32 bytes'] }),
      secret: () => {
        closing.close()
        return server.secret
      },
    })
    expect(await messageOf(closing.getToken())).toBe('the token provider is closed')
    expect(shared?.pending).toBe(0)
  })
})
