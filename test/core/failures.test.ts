import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { inspect } from 'node:util'
import { createTokenProvider, type McaAuthError, type TokenProvider } from '@mca-auth/core'
import type { Reply } from '@mca-auth/testing'
import { describe, expect, it, vi } from 'vitest'
import { provide, server } from '../servers/app-id.ts'

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms)
const fakeDate = () => vi.useFakeTimers({ toFake: ['Date'] })
const times = (count: number, reply: Reply) => server.script(...Array.from({ length: count }, () => reply))
const refusal = (error: string, status = 400): Reply => ({ status, body: { error, error_description: 'why' } })

function failureOf(provider: TokenProvider, scope?: string): Promise<McaAuthError> {
  return provider.getToken({ scope }).then(
    () => expect.fail('expected a failure'),
    (error) => error,
  )
}

describe('a refusal', () => {
  it('forges no lines of a log, and sends a terminal no commands', async () => {
    const provider = provide()
    server.script({ status: 400, body: { error: 'invalid\r\nscope', error_description: 'why\u001b[2J\nERROR forged' } })
    const error = await failureOf(provider)
    expect(error).toMatchObject({ error: 'invalid  scope', errorDescription: 'why [2J ERROR forged' })
    expect(error.message).not.toMatch(/\p{Cc}/u)
  })

  it('carries the OAuth fields, is not retried, and is remembered from 30 s doubling to 5 min', async () => {
    fakeDate()
    const provider = provide()
    const remembered = [30, 60, 120, 240, 300, 300]
    for (const [round, seconds] of remembered.entries()) {
      times(1, refusal('invalid_client', 401))
      const error = await failureOf(provider)
      const fields = { code: 'TOKEN_REQUEST_REFUSED', status: 401, error: 'invalid_client', errorDescription: 'why' }
      expect(error).toMatchObject({ ...fields, retryAt: Date.now() + seconds * 1000 })
      for (let i = 0; i < 1000; i++) expect(await failureOf(provider)).toBe(error)
      expect(server.tokenRequests).toBe(round + 1)
      pass(seconds * 1000)
    }
    await provider.getToken()
    times(1, refusal('invalid_client'))
    provider.clear()
    expect((await failureOf(provider)).retryAt).toBe(Date.now() + 30_000)
  })

  it.each([
    ['invalid_client', 400, true],
    ['unauthorized_client', 400, true],
    ['invalid_scope', 400, false],
    ['invalid_target', 400, false],
  ])('%s concerns every token request of the client, or just its own', async (error, status, all) => {
    const provider = provide()
    times(1, refusal(error, status))
    await failureOf(provider, 'one')
    if (all) expect((await failureOf(provider, 'two')).error).toBe(error)
    else await provider.getToken({ scope: 'two' })
    expect((await failureOf(provider, 'one')).error).toBe(error)
    expect(server.tokenRequests).toBe(all ? 1 : 2)
  })

  it.each<[string, Reply]>([
    ['a 401 with a Bearer challenge', { status: 401, headers: { 'www-authenticate': 'Bearer realm="x"' } }],
    [
      'a 401 with a Basic challenge and fields',
      { ...refusal('invalid_client', 401), headers: { 'www-authenticate': 'Basic' } },
    ],
    ['an empty 403 without a content type', { status: 403 }],
    ['a 404 of HTML', { status: 404, headers: { 'content-type': 'text/html' }, body: '<h1>no tenant</h1>' }],
    ['a 200 that carries an error', { status: 200, body: { error: 'invalid_scope', access_token: 'x' } }],
    ['a 400 of JSON without a content type', { status: 400, body: '{"error":"invalid_grant"}' }],
  ])('is %s', async (_name, reply) => {
    const provider = provide()
    times(1, reply)
    const error = await failureOf(provider)
    expect(error.code).toBe('TOKEN_REQUEST_REFUSED')
    expect(error.message).not.toContain('tenant')
    expect(error.cause).toBeUndefined()
    await failureOf(provider)
    expect(server.tokenRequests).toBe(1)
  })

  it('has bounded fields', async () => {
    times(1, { status: 400, body: { error: 'e'.repeat(5000), error_description: 'd'.repeat(5000) } })
    const { error, errorDescription, message } = await failureOf(provide())
    expect([error?.length, errorDescription?.length]).toEqual([100, 500])
    expect(message.length).toBeLessThan(600)
  })

  it('asks a secret function once more, and repeats the request only with another secret', async () => {
    const secret = vi.fn(async () => 'old-fake-secret')
    const provider = provide({ secret })
    await failureOf(provider)
    expect(secret).toHaveBeenCalledTimes(2)
    expect(server.tokenRequests).toBe(1)

    const rotating = vi.fn().mockReturnValueOnce('old-fake-secret').mockReturnValue(server.secret)
    await provide({ secret: rotating }).getToken()
    expect(rotating).toHaveBeenCalledTimes(2)
    expect(server.tokenRequests).toBe(3)
  })

  it('memory is bounded like the cache', async () => {
    const provider = provide({ cacheSize: 2 })
    times(4, refusal('invalid_scope'))
    for (const scope of ['a', 'b', 'c']) await failureOf(provider, scope)
    await failureOf(provider, 'c')
    expect(server.tokenRequests).toBe(3)
    await failureOf(provider, 'a')
    expect(server.tokenRequests).toBe(4)
  })
})

describe('throttling', () => {
  it.each([429, 503])('with Retry-After in seconds is waited out within the budget (%i)', async (status) => {
    times(1, { status, headers: { 'retry-after': '1' } })
    const before = Date.now()
    const provider = provide({ timeoutMs: 60_000 })
    await Promise.all([provider.getToken(), provider.getToken({ scope: 'other' })])
    expect(Date.now() - before).toBeGreaterThanOrEqual(990)
    expect(server.tokenRequests).toBeLessThanOrEqual(4)
  })

  it.each<[string, () => string | undefined, seconds: number]>([
    ['as seconds', () => '120', 120],
    ['as a date', () => new Date(Date.now() + 90_000).toUTCString(), 90],
    ['absurdly long', () => '999999999999', 300],
    ['in the past', () => new Date(Date.now() - 90_000).toUTCString(), 30],
    ['as zero', () => '0', 30],
    ['as junk', () => 'soon', 30],
    ['absent', () => undefined, 30],
  ])('with a Retry-After %s beyond the budget fails at once with retryAt', async (_name, header, seconds) => {
    fakeDate()
    vi.setSystemTime(Math.floor(Date.now() / 1000) * 1000)
    const retryAfter = header()
    times(1, { status: 429, ...(retryAfter !== undefined && { headers: { 'retry-after': retryAfter } }) })
    const provider = provide()
    const error = await failureOf(provider)
    expect(error).toMatchObject({ code: 'TOKEN_REQUEST_THROTTLED', status: 429, retryAt: Date.now() + seconds * 1000 })
    expect(await failureOf(provider, 'another')).toBe(error)
    pass(seconds * 1000 - 10_001)
    await failureOf(provider)
    expect(server.tokenRequests).toBe(1)
    pass(10_001)
    await provider.getToken()
    expect(server.tokenRequests).toBe(2)
  })

  it('that is over is no outage: a failure right after it is retried', async () => {
    times(1, { status: 429, headers: { 'retry-after': '1' } })
    times(1, { status: 500 })
    await provide({ timeoutMs: 60_000 }).getToken()
    expect(server.tokenRequests).toBe(3)
  })

  it('leaves a valid token in service', async () => {
    fakeDate()
    const provider = provide()
    const token = await provider.getToken()
    pass(3600_000 - 100_000)
    times(1, { status: 429 })
    for (let i = 0; i < 10; i++) {
      expect(await provider.getToken()).toBe(token)
      await vi.waitFor(() => expect(provider.health().flights).toBe(0))
    }
    expect(server.tokenRequests).toBe(2)
    pass(30_000)
    await vi.waitFor(async () => expect(await provider.getToken()).not.toBe(token))
  })
})

describe('a transient failure', () => {
  it.each<[string, Reply]>([
    ['500', { status: 500, body: { error: 'server_error' } }],
    ['502 of HTML', { status: 502, body: '<h1>bad gateway</h1>' }],
    ['503 without Retry-After', { status: 503 }],
    ['503 with a past Retry-After', { status: 503, headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' } }],
    ['504', { status: 504 }],
    ['408', { status: 408 }],
    ['a dropped connection', { reset: 'headers' }],
    ['a connection dropped in the midst of the body', { reset: 'body', body: { access_token: 'x'.repeat(100) } }],
  ])('%s twice is invisible', async (_name, reply) => {
    times(2, reply)
    await provide().getToken()
    expect(server.tokenRequests).toBe(3)
  })

  it('for ever is an error after three attempts, then cools down from 1 s doubling to 30 s, one probe each', async () => {
    fakeDate()
    const provider = provide()
    times(100, { status: 500 })
    const first = await failureOf(provider)
    expect(first).toMatchObject({ code: 'TOKEN_REQUEST_FAILED', status: 500, retryAt: Date.now() + 1_000 })
    expect(server.tokenRequests).toBe(3)
    for (const [probe, seconds] of [1, 2, 4, 8, 16, 30, 30].entries()) {
      for (let i = 0; i < 20; i++) await failureOf(provider, `${i}`)
      expect(server.tokenRequests).toBe(3 + probe)
      pass(seconds * 1000)
      const errors = await Promise.all(Array.from({ length: 50 }, (_, i) => failureOf(provider, `${i % 10}`)))
      expect(new Set(errors.map((error) => error.code))).toEqual(new Set(['TOKEN_REQUEST_FAILED']))
      expect(server.tokenRequests).toBe(3 + probe + 1)
    }
  })

  it('heals without a restart, for all who wait at once', async () => {
    fakeDate()
    const provider = provide()
    times(3, { status: 500 })
    await failureOf(provider)
    pass(1_000)
    const tokens = await Promise.all(['a', 'b', 'a'].map((scope) => provider.getToken({ scope })))
    expect(tokens[0]).toBe(tokens[2])
    expect(server.tokenRequests).toBe(3 + 2)
  })

  it('keeps the network error as its cause', async () => {
    const tokenEndpoint = 'http://127.0.0.1:2/token'
    await using provider = createTokenProvider({ clientId: 'client', secret: 'fake-secret', tokenEndpoint })
    const error = await failureOf(provider)
    expect(error.code).toBe('TOKEN_REQUEST_FAILED')
    expect((error.cause as { cause: { code: string } }).cause.code).toBe('ECONNREFUSED')
    expect(error.message).toContain('http://127.0.0.1:2')
  })

  it('that is a broken answer does not show what it said', async () => {
    const broken = createServer((socket) => {
      const chunk = '{"access_token":"fake-token-in-a-chunk"}'
      socket.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz${chunk}\r\n`)
    }).listen(0, '127.0.0.1')
    await once(broken, 'listening')
    const tokenEndpoint = `http://127.0.0.1:${(broken.address() as AddressInfo).port}/token`
    const provider = createTokenProvider({ tokenEndpoint, clientId: 'c', secret: 's' })
    const error = await failureOf(provider)
    expect(error.code).toBe('TOKEN_REQUEST_FAILED')
    expect(inspect(error, { depth: Number.POSITIVE_INFINITY })).not.toContain('fake-token')
    broken.close()
  })

  it('that hangs is ended by timeoutMs, and one hang does not eat the whole budget', async () => {
    times(1, { hang: 'headers' })
    await provide({ timeoutMs: 5_000 }).getToken()
    expect(server.tokenRequests).toBe(2)

    for (const hang of ['headers', 'body'] as const) {
      times(10, { hang, body: { access_token: 'half' } })
      const started = performance.now()
      const error = await failureOf(provide({ timeoutMs: 600 }))
      expect(error.code).toBe('TOKEN_REQUEST_FAILED')
      expect(performance.now() - started).toBeGreaterThan(350)
      expect(performance.now() - started).toBeLessThan(50 * 600)
    }
  })

  it('that hangs in a secret function or a fetch which ignores its signal is ended too', async () => {
    const never = () => new Promise<never>(() => {})
    for (const options of [{ secret: never }, { fetch: never }]) {
      expect((await failureOf(provide({ ...options, timeoutMs: 200 }))).code).toBe('TOKEN_REQUEST_FAILED')
    }
  })

  it('of a secret function names its error, not what it said', async () => {
    const secret = () => Promise.reject(new RangeError('vault said fake-vault-token'))
    const error = await failureOf(provide({ secret }))
    expect(error.code).toBe('TOKEN_REQUEST_FAILED')
    expect(error.message).toContain('RangeError')
    expect(JSON.stringify(error) + error.message).not.toContain('fake-vault-token')
    expect((await failureOf(provide({ secret: () => '' }))).code).toBe('MISSING_SECRET_ERROR')
  })

  it('behind a stale token disturbs nobody', async () => {
    fakeDate()
    const provider = provide()
    const token = await provider.getToken()
    pass(3600_000 - 100_000)
    times(100, { reset: 'headers' })
    for (let i = 0; i < 100; i++) {
      expect(await provider.getToken()).toBe(token)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await vi.waitFor(() => expect(provider.health().failure?.code).toBe('TOKEN_REQUEST_FAILED'))
    expect(server.tokenRequests).toBeLessThanOrEqual(4)
  })

  it('is not prolonged by a clock that is set back', async () => {
    fakeDate()
    const provider = provide()
    times(3, { status: 500 })
    await failureOf(provider)
    pass(-24 * 3600_000)
    await provider.getToken()
  })
})
