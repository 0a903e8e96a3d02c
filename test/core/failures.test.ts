import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { inspect } from 'node:util'
import { type CachingTokenProvider, createTokenProvider, type McaAuthError } from '@mca-auth/core'
import { memoryTokenCache, type Reply } from '@mca-auth/testing'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { provide, server } from '../servers/app-id.ts'
import { refused } from '../servers/refused.ts'
import { longForATokenRequest } from '../servers/token-request-time.ts'

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms)
const fakeDate = () => vi.useFakeTimers({ toFake: ['Date'] })
const times = (count: number, reply: Reply) => server.script(...Array.from({ length: count }, () => reply))
const denial = (error: string, status = 400): Reply => ({ status, body: { error, error_description: 'why' } })

function failureOf(provider: CachingTokenProvider, scope?: string): Promise<McaAuthError> {
  return provider.getToken({ scope }).then(
    () => expect.fail('expected a failure'),
    (error) => error,
  )
}

let longMs: number
beforeAll(async () => {
  longMs = await longForATokenRequest()
})

describe('a denial', () => {
  it('cannot forge log lines or send commands to a terminal', async () => {
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
      times(1, denial('invalid_client', 401))
      const error = await failureOf(provider)
      const fields = { code: 'TOKEN_REQUEST_REFUSED', status: 401, error: 'invalid_client', errorDescription: 'why' }
      expect(error).toMatchObject({ ...fields, retryAt: Date.now() + seconds * 1000 })
      for (let i = 0; i < 1000; i++) expect(await failureOf(provider)).toBe(error)
      expect(server.tokenRequests).toBe(round + 1)
      pass(seconds * 1000)
    }
    await provider.getToken()
    times(1, denial('invalid_client'))
    provider.clear()
    expect((await failureOf(provider)).retryAt).toBe(Date.now() + 30_000)
  })

  it.each([
    ['invalid_client', 400, true],
    ['unauthorized_client', 400, true],
    ['invalid_scope', 400, false],
    ['invalid_target', 400, false],
  ])('%s applies to every token request of the client, or only to its own', async (error, status, all) => {
    const provider = provide()
    times(1, denial(error, status))
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
      { ...denial('invalid_client', 401), headers: { 'www-authenticate': 'Basic' } },
    ],
    ['an empty 403 without a content type', { status: 403 }],
    ['a 401 of plain text', { status: 401, headers: { 'content-type': 'text/plain' }, body: 'no such tenant' }],
    ['a 201 that carries an error', { status: 201, body: { error: 'invalid_scope' } }],
    ['a 403 of JSON without a reason', { status: 403, body: {} }],
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

  it('truncates long fields', async () => {
    times(1, { status: 400, body: { error: 'e'.repeat(5000), error_description: 'd'.repeat(5000) } })
    const { error, errorDescription, message } = await failureOf(provide())
    expect([error?.length, errorDescription?.length]).toEqual([100, 500])
    expect(message.length).toBeLessThan(600)
  })

  it('calls a secret function again, and repeats the request only with another secret', async () => {
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

  it('is remembered for at most as many keys as tokens are cached', async () => {
    const provider = provide({ cacheSize: 2 })
    times(4, denial('invalid_scope'))
    for (const scope of ['a', 'b', 'c']) await failureOf(provider, scope)
    await failureOf(provider, 'c')
    expect(server.tokenRequests).toBe(3)
    await failureOf(provider, 'a')
    expect(server.tokenRequests).toBe(4)
  })
})

describe('a bad response', () => {
  it.each<[string, Reply]>([
    ['a 404 of plain text', { status: 404, body: '404 page not found' }],
    ['an empty 400', { status: 400 }],
    ['a 400 of JSON that is not an object', { status: 400, body: [] }],
    ['a 404 of JSON without an error code', { status: 404, body: { message: 'no route matched' } }],
  ])('is %s: not retried, forgotten after a second', async (_name, reply) => {
    fakeDate()
    const provider = provide()
    times(1, reply)
    const error = await failureOf(provider)
    expect(error).toMatchObject({ code: 'TOKEN_RESPONSE_INVALID', retryAt: Date.now() + 1_000 })
    await failureOf(provider)
    expect(server.tokenRequests).toBe(1)
    pass(1_000)
    await provider.getToken()
  })
})

describe('the reason', () => {
  it.each<[string, number, unknown, error: string | undefined, description: string | undefined]>([
    ['of RFC 6749', 400, { error: 'invalid_scope', error_description: 'no' }, 'invalid_scope', 'no'],
    [
      'of IAM',
      400,
      { errorCode: 'BXNIM0415E', errorMessage: 'no key', context: { host: 'x' } },
      'BXNIM0415E',
      'no key',
    ],
    ['of App ID', 400, { error_code: 'too many', error_description: 'slower' }, 'too many', 'slower'],
    ['of VPC and watsonx', 400, { errors: [{ code: 'not_authenticated', message: 'no' }] }, 'not_authenticated', 'no'],
    ['of Okta', 401, { errorCode: 'E0000011', errorSummary: 'Invalid token' }, 'E0000011', 'Invalid token'],
    ['of Google', 401, { error: { code: 401, message: 'no', status: 'UNAUTHENTICATED' } }, 'UNAUTHENTICATED', 'no'],
    [
      'of Apigee',
      401,
      { ErrorCode: 'invalid_client', Error: 'ClientId is Invalid' },
      'invalid_client',
      'ClientId is Invalid',
    ],
    ['of an Apigee fault', 401, { fault: { faultstring: 'no', detail: { errorcode: 'x.y' } } }, 'x.y', 'no'],
    ['that is a number', 400, { errorCode: 17, errorMessage: 'no' }, '17', 'no'],
    ['of text alone', 403, { errors: ['not on the list'] }, undefined, 'not on the list'],
    ['of API Connect', 401, { httpCode: '401', moreInformation: 'not registered' }, undefined, 'not registered'],
    ['in a 200 without a token', 200, { errorCode: 'BXNIM0415E', errorMessage: 'no key' }, 'BXNIM0415E', 'no key'],
  ])('%s reaches the caller', async (_name, status, body, error, errorDescription) => {
    times(1, { status, body })
    const failure = await failureOf(provide())
    expect(failure.code).toBe('TOKEN_REQUEST_REFUSED')
    expect([failure.error, failure.errorDescription]).toEqual([error, errorDescription])
    expect(failure.message).toContain([error, errorDescription].filter(Boolean).join(': '))
  })

  it('of an unknown shape is ignored, and breaks nothing', async () => {
    for (const body of [{ errors: {} }, { errors: [null] }, { error: [] }, { error: null }, { error: {}, fault: 7 }]) {
      times(1, { status: 401, body })
      expect(await failureOf(provide())).toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', status: 401 })
    }
  })

  it('in a response with a token does not invalidate the token', async () => {
    times(1, { body: { access_token: 'opaque', errorCode: 0, message: 'welcome', status: 'ok' } })
    expect((await provide().getToken()).accessToken).toBe('opaque')
  })

  it.each(['BXNIM0415E', 'BXNIM0462E'])(
    '%s is about the credential, BXNIM0106E about the fields of one request',
    async (code) => {
      const provider = provide()
      times(1, { status: 400, body: { errorCode: 'BXNIM0106E', errorMessage: 'no' } })
      await failureOf(provider, 'one')
      await provider.getToken({ scope: 'two' })
      times(1, { status: 400, body: { errorCode: code, errorMessage: 'no' } })
      await failureOf(provider, 'three')
      expect((await failureOf(provider, 'four')).error).toBe(code)
      expect(server.tokenRequests).toBe(3)
    },
  )
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
    ['of an hour', () => '3600', 3600],
    ['absurdly long', () => '999999999999', 3600],
    ['as a date far away', () => new Date(Date.now() + 7200_000).toUTCString(), 3600],
    ['as a fraction', () => '0.5', 30],
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

  it.each<[string, number, string]>([
    ['0', 429, '0'],
    ['0', 503, '0'],
    ['a past date', 429, 'Wed, 21 Oct 2015 07:28:00 GMT'],
    ['a past date', 503, 'Wed, 21 Oct 2015 07:28:00 GMT'],
  ])('with a Retry-After of %s is retried at once (%i)', async (_what, status, retryAfter) => {
    times(2, { status, headers: { 'retry-after': retryAfter } })
    await provide().getToken()
    expect(server.tokenRequests).toBe(3)
  })

  it('with a Retry-After of 0 forever causes three attempts, then a cool-down as for an outage', async () => {
    fakeDate()
    const provider = provide({ timeoutMs: 2 * longMs })
    times(100, { status: 429, headers: { 'retry-after': '0' } })
    for (const [round, seconds] of [1, 2, 4].entries()) {
      const error = await failureOf(provider)
      expect(error).toMatchObject({
        code: 'TOKEN_REQUEST_THROTTLED',
        status: 429,
        retryAt: Date.now() + seconds * 1000,
      })
      expect(await failureOf(provider)).toBe(error)
      expect(server.tokenRequests).toBe(3 * (round + 1))
      pass(seconds * 1000)
    }
  })

  it('that has ended does not count as an outage: the failure that follows is retried', async () => {
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
    ['503 with a Retry-After that is junk', { status: 503, headers: { 'retry-after': 'soon' } }],
    ['400 temporarily_unavailable', denial('temporarily_unavailable')],
    ['400 server_error', denial('server_error')],
    ['400 slow_down', denial('slow_down')],
    ['403 server_error', denial('server_error', 403)],
    ['200 temporarily_unavailable', denial('temporarily_unavailable', 200)],
    ['404 of HTML', { status: 404, headers: { 'content-type': 'text/html' }, body: '<html>default backend</html>' }],
    ['403 of HTML without a label', { status: 403, body: '<!DOCTYPE html><title>Forbidden</title>' }],
    [
      '400 of HTML that is labelled JSON',
      { status: 400, headers: { 'content-type': 'application/json' }, body: '\n<h1>' },
    ],
    ['401 of HTML behind a byte order mark', { status: 401, body: '\ufeff<html>' }],
    ['404 of XML', { status: 404, body: '<?xml version="1.0"?><Error/>' }],
    ['404 of a long page', { status: 404, body: `<html>${'x'.repeat(200_000)}` }],
    ['200 of HTML', { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>starting</h1>' }],
    ['202 of HTML', { status: 202, body: '<h1>starting</h1>' }],
    ['504', { status: 504 }],
    ['408', { status: 408 }],
    ['a dropped connection', { reset: 'headers' }],
    ['a connection dropped in the middle of the body', { reset: 'body', body: { access_token: 'x'.repeat(100) } }],
  ])('%s, twice, goes unnoticed', async (_name, reply) => {
    times(2, reply)
    await provide().getToken()
    expect(server.tokenRequests).toBe(3)
  })

  it('that lasts is an error after three attempts, then cools down from 1 s doubling to 30 s, one probe each', async () => {
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

  it.each([
    [404, 'TOKEN_REQUEST_FAILED'],
    [200, 'TOKEN_RESPONSE_INVALID'],
  ])('that lasts, of HTML (%i), is %s, and cools down like an outage', async (status, code) => {
    fakeDate()
    const provider = provide()
    times(100, { status, body: '<h1>Sorry</h1>' })
    expect(await failureOf(provider)).toMatchObject({ code, status, retryAt: Date.now() + 1_000 })
    expect(server.tokenRequests).toBe(3)
    pass(1_000)
    expect(await failureOf(provider)).toMatchObject({ code, retryAt: Date.now() + 2_000 })
    expect(server.tokenRequests).toBe(4)
  })

  it('keeps the reason that the server gives', async () => {
    times(3, { status: 500, body: { error: 'server_error', error_description: 'the database is down' } })
    const error = await failureOf(provide())
    expect(error).toMatchObject({ code: 'TOKEN_REQUEST_FAILED', error: 'server_error' })
    expect(error.message).toContain('answered 500 server_error: the database is down')
  })

  it('heals without a restart, at once for all waiting callers', async () => {
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
    const tokenEndpoint = `${refused}/token`
    await using provider = createTokenProvider({ clientId: 'client', secret: 'fake-secret', tokenEndpoint })
    const error = await failureOf(provider)
    expect(error.code).toBe('TOKEN_REQUEST_FAILED')
    expect((error.cause as { cause: { code: string } }).cause.code).toBe('ECONNREFUSED')
    expect(error.message).toContain(refused)
  })

  it('that is a broken response does not quote it', async () => {
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

  it('that hangs is ended by timeoutMs, and one hang does not use up the whole budget', async () => {
    times(1, { hang: 'headers' })
    await provide({ timeoutMs: 6 * longMs }).getToken()
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

  it('that hangs reports the whole wait, wherever it hangs and however many callers wait', async () => {
    const never = () => new Promise<never>(() => {})
    const hanging = { ...memoryTokenCache(), get: never }
    for (const options of [{ secret: never }, { fetch: never }, { fetch: never, sharedCache: hanging }]) {
      const provider = provide({ ...options, timeoutMs: 200 })
      const [error, another] = await Promise.all([failureOf(provider), failureOf(provider, 'another')])
      expect(error.code).toBe('TOKEN_REQUEST_FAILED')
      expect([error.message, another.message]).toEqual(Array(2).fill('no token response within 200 ms'))
    }
    times(10, { hang: 'body', body: { access_token: 'half' } })
    expect((await failureOf(provide({ timeoutMs: 150 }))).message).toBe('no token response within 150 ms')
  })

  it('that hangs as a probe reports the whole wait to every caller that waits for the probe', async () => {
    fakeDate()
    const timeoutMs = 4 * longMs
    const provider = provide({ timeoutMs })
    times(3, { status: 500 })
    await failureOf(provider)
    pass(1_000)
    times(10, { hang: 'headers' })
    const errors = await Promise.all(['a', 'b', 'c'].map((scope) => failureOf(provider, scope)))
    for (const { message } of errors) expect(message).toBe(`no token response within ${timeoutMs} ms`)
  })

  it('of a secret function names the class of its error, not its message', async () => {
    const secret = () => Promise.reject(new RangeError('vault said fake-vault-token'))
    const error = await failureOf(provide({ secret }))
    expect(error.code).toBe('TOKEN_REQUEST_FAILED')
    expect(error.message).toContain('RangeError')
    expect(JSON.stringify(error) + error.message).not.toContain('fake-vault-token')
    expect((await failureOf(provide({ secret: () => '' }))).code).toBe('MISSING_SECRET_ERROR')
  })

  it('of a background refresh does not reach callers', async () => {
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

  it('does not last longer if the clock is set back', async () => {
    fakeDate()
    const provider = provide()
    times(3, { status: 500 })
    await failureOf(provider)
    pass(-24 * 3600_000)
    await provider.getToken()
  })
})
