import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type CachingTokenProvider, createTokenProvider, McaAuthError } from '@mca-auth/core'
import { describe, expect, it, vi } from 'vitest'
import { provide, server } from '../servers/app-id.ts'

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms)

describe('a token request', () => {
  it("reads the caller's list of scopes again at each call", async () => {
    const provider = provide()
    const scope = ['read']
    expect((await provider.getToken({ scope })).scope).toBe('appid_default read')
    scope.push('write')
    expect((await provider.getToken({ scope })).scope).toBe('appid_default read write')
    expect(server.tokenRequests).toBe(2)
  })

  it('has separate cache entries for scope, resource, and both', async () => {
    const provider = provide()
    const resource = 'https://orders.example.com'
    await provider.getToken({ scope: 'read' })
    await provider.getToken({ resource })
    await provider.getToken({ scope: 'read', resource })
    await provider.getToken({ scope: 'read', parameters: { audience: 'x' } })
    await provider.getToken({ resource: 'urn:read' })
    await provider.getToken({ scope: 'urn:read' })
    expect(server.tokenRequests).toBe(6)
  })
})

describe('getToken', () => {
  it('returns the token with its times and scope', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const token = await provide().getToken()
    expect(token).toMatchObject({ tokenType: 'Bearer', scope: 'appid_default', issuedAt: Date.now() })
    expect(token.expiresAt - token.issuedAt).toBe(3600_000)
    expect(await server.verify(token.accessToken)).toMatchObject({ scope: 'appid_default' })
  })

  it('makes one token request for 1,000 callers, and none for the next', async () => {
    const provider = provide()
    const tokens = await Promise.all(Array.from({ length: 1000 }, () => provider.getToken()))
    expect(new Set(tokens).size).toBe(1)
    expect(await provider.getAuthorizationHeader()).toBe(`Bearer ${tokens[0]?.accessToken}`)
    expect(server.tokenRequests).toBe(1)
  })

  it('keeps tokens of different requests apart, and recognises equal requests', async () => {
    const provider = provide({ scope: 'read', parameters: { audience: 'a' } })
    const [one, same, sameToo, ...others] = await Promise.all([
      provider.getToken(),
      provider.getToken({ scope: ['read'] }),
      provider.getToken({ scope: 'read read', parameters: { audience: 'a' } }),
      provider.getToken({ scope: 'read write' }),
      provider.getToken({ scope: ['write', 'read'] }),
      provider.getToken({ parameters: { audience: 'b' } }),
      provider.getToken({ resource: 'https://api.example.com/' }),
      provider.getToken({ resource: ['https://api.example.com/', 'https://b.example.com/'] }),
    ])
    expect(same).toBe(one)
    expect(sameToo).toBe(one)
    expect(new Set([one, ...others]).size).toBe(5)
    expect(server.tokenRequests).toBe(5)
  })

  it('ignores the order of scopes and parameters', async () => {
    const provider = provide()
    const scoped = await provider.getToken({ scope: 'b  a' })
    expect(await provider.getToken({ scope: ['a', 'b'] })).toBe(scoped)
    const parameters = { one: '1', two: '2', three: '3' }
    const token = await provider.getToken({ parameters })
    const reversed = Object.fromEntries(Object.entries(parameters).reverse())
    expect(await provider.getToken({ parameters: reversed })).toBe(token)
    expect(await provider.getToken({ scope: [] })).toBe(await provider.getToken())
    expect(server.tokenRequests).toBe(3)
  })

  it('rejects every waiting caller, with or without an abort signal', async () => {
    server.delayMs = 20
    const provider = provide({ secret: 'wrong-fake-secret' })
    const controller = new AbortController()
    const waits = [undefined, controller.signal, controller.signal].map((signal) => provider.getToken({ signal }))
    const outcomes = await Promise.allSettled(waits)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(outcomes[1]).toMatchObject({ reason: { code: 'TOKEN_REQUEST_REFUSED' } })
    controller.abort()
    await expect(provider.getToken({ scope: 'x', signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(provider.health().flights).toBe(0)
  })

  it('keeps at most `cacheSize` tokens; eviction never affects a flight', async () => {
    const provider = provide({ cacheSize: 2 })
    const tokens = await Promise.all(['a', 'b', 'c', 'd'].map((scope) => provider.getToken({ scope })))
    expect(new Set(tokens).size).toBe(4)
    expect(provider.health().cachedTokens).toBe(2)
    // Which two depends on the order of the responses.
    const [evicted] = ['a', 'b', 'c', 'd'].filter((scope) => provider.peek({ scope }) === undefined)
    const [cached] = ['a', 'b', 'c', 'd'].filter((scope) => provider.peek({ scope }) !== undefined)
    await provider.getToken({ scope: cached as string })
    expect(server.tokenRequests).toBe(4)
    await provider.getToken({ scope: evicted as string })
    expect(server.tokenRequests).toBe(5)
  })

  it('serves a stale token while one refresh runs in the background, and the new one after it', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const provider = provide()
    const first = await provider.getToken()
    pass(3600_000 - 301_000)
    expect(await provider.getToken()).toBe(first)
    expect(provider.health()).toMatchObject({ flights: 0, token: { state: 'fresh' } })
    pass(60_000 + 1_000)
    expect(provider.health().token?.state).toBe('stale')
    expect(provider.peek()).toBe(`Bearer ${first.accessToken}`)
    for (const _ of [1, 2, 3]) expect(await provider.getToken()).toBe(first)
    expect(provider.health().flights).toBe(1)
    await vi.waitFor(async () => expect(await provider.getToken()).not.toBe(first))
    expect(server.tokenRequests).toBe(2)
  })

  it('counts a fifth of a short lifetime as stale and a twentieth as expired', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    server.lifetimeSeconds = 20
    const provider = provide()
    await provider.getToken()
    const states: unknown[] = []
    for (const ms of [15_999, 1, 800, 2_199, 1]) {
      pass(ms)
      states.push(provider.health().token?.state)
    }
    // Between 16.0 and 16.8 s, depending on the jitter of this provider.
    expect(states[0]).toBe('fresh')
    expect(states.slice(2)).toEqual(['stale', 'stale', 'expired'])
  })

  it('counts a token as expired ten seconds before its expiry, unless its lifetime is short', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    for (const [lifetimeSeconds, expiredMs] of [
      [3600, 10_000],
      [200, 10_000],
      [100, 5_000],
      [2, 100],
    ] as const) {
      server.lifetimeSeconds = lifetimeSeconds
      const provider = provide()
      await provider.getToken()
      pass(lifetimeSeconds * 1000 - expiredMs - 1)
      expect(provider.health().token?.state).toBe('stale')
      pass(1)
      expect(provider.health().token?.state).toBe('expired')
      expect(provider.peek()).toBeUndefined()
    }
  })

  it('honours `refresh`', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const provider = provide({ refresh: { staleMs: 10_000, expiredMs: 0 } })
    await provider.getToken()
    pass(3600_000 - 10_001)
    expect(provider.health().token?.state).toBe('fresh')
    pass(2_002)
    expect(provider.health().token?.state).toBe('stale')
    pass(7_998)
    expect(provider.health().token?.state).toBe('stale')
    pass(1)
    expect(provider.health().token?.state).toBe('expired')
  })

  it('returns a token in its last seconds if the refresh fails, then the error', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const provider = provide()
    const first = await provider.getToken()
    pass(3600_000 - 4_000)
    server.rotateSecret('another-fake-secret')
    expect(await provider.getToken()).toBe(first)
    expect(await provider.getToken()).toBe(first)
    expect(server.tokenRequests).toBe(2)
    pass(4_000)
    await expect(provider.getToken()).rejects.toMatchObject({ code: 'TOKEN_REQUEST_REFUSED' })
    expect(server.tokenRequests).toBe(2)
  })

  it('treats a token from the future as stale: setting the clock back costs one refresh', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const provider = provide()
    const first = await provider.getToken()
    pass(-24 * 3600_000)
    expect(await provider.getToken()).toBe(first)
    await vi.waitFor(async () => expect(await provider.getToken()).not.toBe(first))
    await provider.getToken()
    expect(server.tokenRequests).toBe(2)
    pass(24 * 3600_000)
    await provider.getToken()
    expect(server.tokenRequests).toBe(3)
  })

  it('serves a token with a lifetime of zero to the waiting callers, then requests one per second', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    server.lifetimeSeconds = 0
    const provider = provide()
    const tokens = await Promise.all([provider.getToken(), provider.getToken()])
    expect(tokens[0]).toBe(tokens[1])
    for (let i = 0; i < 50; i++) await provider.getToken()
    expect(server.tokenRequests).toBe(1)
    pass(1_000)
    await provider.getToken()
    expect(server.tokenRequests).toBe(2)
  })

  it('causes neither a loop nor a storm if the server issues the same token until it expires', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    server.reissue = true
    const provider = provide()
    for (let second = 0; second < 3600; second += 0.5) {
      await provider.getToken()
      while (provider.health().flights > 0) await new Promise((resolve) => setImmediate(resolve))
      pass(500)
    }
    expect(server.tokenRequests).toBeLessThan(20)
  })

  it("ends one caller's wait on abort; the token still arrives", async () => {
    server.delayMs = 100
    const provider = provide()
    const controller = new AbortController()
    const aborted = provider.getToken({ signal: controller.signal })
    const other = provider.getToken({ signal: new AbortController().signal })
    controller.abort(new Error('mine'))
    await expect(aborted).rejects.toThrow('mine')
    expect((await other).tokenType).toBe('Bearer')
    await expect(provider.getToken({ signal: controller.signal })).rejects.toThrow('mine')
    expect(server.tokenRequests).toBe(1)
  })

  it('caches the token of a flight that every caller has left', async () => {
    server.delayMs = 50
    const provider = provide()
    await expect(provider.getToken({ signal: AbortSignal.timeout(5) })).rejects.toThrow()
    await vi.waitFor(() => expect(provider.peek()).toMatch(/^Bearer ey/))
    expect(server.tokenRequests).toBe(1)
  })
})

describe('peek', () => {
  it('returns the header while fresh or stale and starts nothing', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const provider = provide()
    expect(provider.peek()).toBeUndefined()
    const header = await provider.getAuthorizationHeader()
    expect(provider.peek()).toBe(header)
    expect(provider.peek({ scope: 'x' })).toBeUndefined()
    pass(3600_000 - 20_000)
    expect(provider.health().token?.state).toBe('stale')
    expect(provider.peek()).toBe(header)
    pass(20_000)
    expect(provider.peek()).toBeUndefined()
    expect(provider.health().flights).toBe(0)
    expect(server.tokenRequests).toBe(1)
  })
})

describe('the argument of getToken', () => {
  it('takes a signal along with the token request, which does not include it', async () => {
    const provider = provide()
    const { signal } = new AbortController()
    const token = await provider.getToken({ signal })
    expect(await provider.getToken({ signal: undefined })).toBe(token)
    const read = await provider.getToken({ scope: 'read', signal })
    expect(await provider.getToken({ scope: 'read' })).toBe(read)
    expect(await provider.getAuthorizationHeader({ scope: 'read', signal })).toBe(`Bearer ${read.accessToken}`)
    expect(server.tokenRequests).toBe(2)
    await expect(provider.getAuthorizationHeader({ signal: AbortSignal.abort(new Error('mine')) })).rejects.toThrow(
      'mine',
    )
  })

  it('with an invalid signal is rejected', async () => {
    const provider = provide()
    for (const signal of [null, {}, 'abort', new AbortController()]) {
      await expect(provider.getToken({ signal } as never)).rejects.toThrow(/`signal` must be an AbortSignal/)
    }
    expect(server.tokenRequests).toBe(0)
  })
})

describe('invalidate', () => {
  it('drops the token only while it is the current one', async () => {
    const provider = provide()
    const first = await provider.getToken()
    expect(provider.invalidate(first)).toBe(true)
    expect(provider.invalidate(first)).toBe(false)
    const second = await provider.getToken()
    expect(provider.invalidate(first)).toBe(false)
    expect(await provider.getToken()).toBe(second)
    expect(server.tokenRequests).toBe(2)
  })

  it('compares the object, not its string: servers reissue the same string', async () => {
    server.reissue = true
    const provider = provide()
    const first = await provider.getToken()
    provider.invalidate(first)
    const second = await provider.getToken()
    expect(second.accessToken).toBe(first.accessToken)
    expect(provider.invalidate(first)).toBe(false)
    expect(provider.invalidate(second)).toBe(true)
  })

  it('accepts a token or header as a string, whichever token request it came from', async () => {
    const provider = provide()
    const plain = await provider.getToken()
    const header = await provider.getAuthorizationHeader({ scope: 'read' })
    expect(provider.invalidate(header)).toBe(true)
    expect(provider.peek({ scope: 'read' })).toBeUndefined()
    expect(provider.peek()).toBeDefined()
    expect(provider.invalidate(header)).toBe(false)
    expect(provider.invalidate(`x${plain.accessToken}`)).toBe(false)
    expect(provider.invalidate(`${plain.accessToken}Bearer `)).toBe(false)
    expect(provider.invalidate(plain.accessToken)).toBe(true)
    expect(provider.invalidate(plain.accessToken)).toBe(false)
  })

  it('accepts a copy of a token object, and drops each entry with the same string', async () => {
    server.reissue = true
    const provider = provide()
    const first = await provider.getToken()
    expect((await provider.getToken({ scope: 'read' })).accessToken).toBe(first.accessToken)
    const { accessToken, expiresAt, issuedAt, tokenType } = first
    expect(provider.invalidate({ accessToken, expiresAt, issuedAt, tokenType })).toBe(true)
    expect(provider.health().cachedTokens).toBe(0)
    for (const bad of [undefined, null, 7, {}, { accessToken: 7 }]) {
      expect(() => provider.invalidate(bad as never)).toThrow(TypeError)
    }
  })
})

describe('clear', () => {
  it('forgets tokens and failures', async () => {
    const provider = provide()
    await provider.getToken()
    server.rotateSecret('another-fake-secret')
    provider.clear()
    await expect(provider.getToken()).rejects.toThrow(McaAuthError)
    server.rotateSecret('not-a-real-secret')
    await expect(provider.getToken()).rejects.toThrow(McaAuthError)
    expect(provider.health().failure?.code).toBe('TOKEN_REQUEST_REFUSED')
    provider.clear()
    await provider.getToken()
    expect(server.tokenRequests).toBe(3)
  })
})

describe('close', () => {
  it('ends flights at once and starts no more; a cached token remains usable', async () => {
    const provider = provide()
    const token = await provider.getToken()
    server.script({ hang: 'headers' })
    const waiting = provider.getToken({ scope: 'slow' })
    await vi.waitFor(() => expect(server.tokenRequests).toBe(2))
    provider.close()
    await expect(waiting).rejects.toMatchObject({
      code: 'TOKEN_REQUEST_FAILED',
      message: expect.stringContaining('closed'),
    })
    expect(await provider.getToken()).toBe(token)
    await expect(provider.getToken({ scope: 'other' })).rejects.toThrow('closed')
    expect(provider.health()).toMatchObject({ closed: true, flights: 0 })
  })

  it('is what `await using` does', async () => {
    let kept: CachingTokenProvider
    {
      await using provider = createTokenProvider(server.appId)
      kept = provider
    }
    expect(kept.health().closed).toBe(true)
  })

  it('lets the process exit during a flight; without it, the process stays for timeoutMs at most', async () => {
    server.script({ hang: 'headers' }, { hang: 'headers' }, { hang: 'headers' }, { hang: 'headers' })
    const run = async (timeoutMs: number, close: boolean) => {
      const options = JSON.stringify({ ...server.appId, timeoutMs })
      const script = `
        const { createTokenProvider } = await import('@mca-auth/core')
        const provider = createTokenProvider(${options})
        provider.getToken().catch(() => {})
        ${close ? 'setTimeout(() => provider.close(), 100)' : ''}`
      // Else this test would wait for it until it times out.
      await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname })
    }
    await run(600_000, true)
    await run(300, false)
  })
})

describe('health', () => {
  it('shows its token endpoint and its state, and no secrets', async () => {
    const provider = provide()
    await provider.getToken()
    const health = provider.health()
    expect(health).toEqual({
      tokenEndpoint: `${server.appId.oauthServerUrl}/token`,
      cachedTokens: 1,
      exchangedTokens: 0,
      flights: 0,
      token: { state: 'fresh', expiresAt: expect.any(Number) },
      failure: undefined,
      closed: false,
    })
  })
})
