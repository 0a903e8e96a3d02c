import { type CachingTokenProvider, createTokenProvider, type McaAuthError } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startRecorder } from '../servers/recorder.ts'
import { longForATokenRequest } from '../servers/token-request-time.ts'
import { clients, providerAlone, type Running } from './subjects.ts'
import { type TokenFault, tokenFaults } from './token-endpoint.ts'
import { unreachable } from './unreachable.ts'

// A fault of the token endpoint reaches `undici under fetch` in the same way as undici.
const subjects = [providerAlone, ...clients.filter(({ name }) => name !== 'undici under fetch')]

// The provider alone is tested with every fault. A client only passes the outcome on: one fault of each outcome is enough.
const outcomes = tokenFaults.filter((fault, i) => tokenFaults.findIndex(({ code }) => code === fault.code) === i)

let hangMs: number
beforeAll(async () => {
  hangMs = await longForATokenRequest()
})

/** The clock stands still here, so each caller waits out its whole time while the server throttles. */
const isWaitedFor = ({ replies, code }: TokenFault) =>
  code === 'TOKEN_REQUEST_THROTTLED' || replies.some(({ hang, trickleMs }) => hang ?? trickleMs)
const timeoutFor = (fault: TokenFault) => (isWaitedFor(fault) ? hangMs : 20_000)

describe.each(subjects)('$name', (subject) => {
  let server: AuthorizationServer
  let resource: ProtectedResource
  let provider: CachingTokenProvider
  let running: Running
  const faults = subject === providerAlone ? tokenFaults : outcomes

  const start = (fault: TokenFault) => {
    provider = createTokenProvider({ ...server.appId, timeoutMs: timeoutFor(fault) })
    running = subject.start(provider)
  }

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    server = await startAuthorizationServer()
    // Takes any token: opaque ones cannot be verified.
    const intercept = () => ({ body: 'ok' })
    resource = await startProtectedResource({ authorizationServer: server, intercept })
  })

  afterEach(async () => {
    vi.useRealTimers()
    provider.close()
    await running[Symbol.asyncDispose]()
    await resource.close()
    await server.close()
  })

  it.each(faults)('$fault: $code, then recovery', async (fault) => {
    const { replies, code, fields, requests } = fault
    start(fault)
    server.script(...replies)
    if (code === undefined) {
      expect(await running.call(resource.origin)).toBe(200)
      expect(await running.call(resource.origin)).toBe(200)
    } else {
      const error = await errorOf(running.call(resource.origin))
      expect(error).toMatchObject({ code, ...fields })
      expect(error.retryAt).toBeGreaterThan(Date.now())
      for (const _ of [1, 2]) expect((await errorOf(running.call(resource.origin))).code).toBe(code)
      expect(resource.received).toHaveLength(0)
      expect(provider.health().cachedTokens).toBe(0)
    }
    expect(server.tokenRequests).toBe(requests)
    server.clearScript()
    vi.setSystemTime(Date.now() + 3600_000)
    expect(await running.call(resource.origin)).toBe(200)
    for (const { headers } of resource.received) expect(headers.authorization).toMatch(/^Bearer \S{6,}$/)
    expect(resource.received.some(({ headers }) => headers.authorization === 'Bearer undefined')).toBe(false)
  })

  it.each(faults)('$fault: a valid token stays in use meanwhile', async (fault) => {
    start(fault)
    expect(await running.call(resource.origin)).toBe(200)
    const token = resource.received[0]?.headers.authorization
    vi.setSystemTime(Date.now() + (3600 - 100) * 1000)
    server.script(...fault.replies)
    expect(await running.call(resource.origin)).toBe(200)
    expect(resource.received.at(-1)?.headers.authorization).toBe(token)
    await vi.waitFor(() => expect(provider.health().flights).toBe(0))
    expect(await running.call(resource.origin)).toBe(200)
  })
})

describe.each(subjects)('$name', (subject) => {
  it.each(unreachable)(
    'a token endpoint that $fault: TOKEN_REQUEST_FAILED with the cause',
    async ({ start, cause }) => {
      await using endpoint = await start()
      await using resource = await startRecorder((_request, response) => response.end())
      await using provider = createTokenProvider(endpoint.options)
      await using running = subject.start(provider)
      const error = await errorOf(running.call(`http://127.0.0.1:${resource.port}/`))
      expect(error.code).toBe('TOKEN_REQUEST_FAILED')
      expect((error.cause as { cause: { code: string } }).cause.code).toMatch(cause)
      expect(resource.received).toHaveLength(0)
    },
  )
})

/** Our error, which clients wrap in theirs. */
async function errorOf(promise: Promise<unknown>): Promise<McaAuthError> {
  const error = await promise.then(
    () => expect.fail('expected a failure'),
    (caught) => caught,
  )
  return error.name === 'McaAuthError' ? error : error.cause
}
