// In this process, whose clock can be moved.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { printToken } from '../../packages/cli/src/print-token.ts'
import { environment, Fixture, secret } from './fixture.ts'

const fixture = new Fixture()
const minute = 60_000
const start = Date.now()
let out: string[]
let err: string[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: start })
  vi.stubEnv('XDG_CACHE_HOME', environment().XDG_CACHE_HOME)
  out = []
  err = []
  vi.spyOn(process.stdout, 'write').mockImplementation(((text: string, done: () => void) => {
    out.push(text)
    done()
  }) as typeof process.stdout.write)
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0)
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  vi.useRealTimers()
})

/** The output of `mca-auth token` this long after the start. */
async function tokenAfter(ms: number): Promise<string | undefined> {
  vi.setSystemTime(start + ms)
  const options = {
    tokenEndpoint: fixture.tokenEndpoint,
    clientId: fixture.server.clientId,
    secret,
    timeoutMs: 300_000,
  }
  await printToken({ options, key: undefined, json: false, useStored: true })
  return out.at(-1)
}

// A command that runs for minutes needs a token that lasts.
it('a stored token is printed until five minutes before it expires, and then a new one', async () => {
  const first = await tokenAfter(0)
  expect(await tokenAfter(54 * minute)).toBe(first)
  const second = await tokenAfter(56 * minute)
  expect(second).not.toBe(first)
  expect(await tokenAfter(57 * minute)).toBe(second)
  expect([fixture.server.tokenRequests, err]).toEqual([2, []])
})

it('a stored token that is short-lived is printed until a fifth of its lifetime is left', async () => {
  fixture.server.lifetimeSeconds = 600
  const first = await tokenAfter(0)
  expect(await tokenAfter(7 * minute)).toBe(first)
  expect(await tokenAfter(8.5 * minute)).not.toBe(first)
  expect(fixture.server.tokenRequests).toBe(2)
})

it('a stored token that expires soon is printed, with a warning, if there is no new one', async () => {
  const first = await tokenAfter(0)
  fixture.server.script({ status: 401, body: { error: 'invalid_client' } })
  expect(await tokenAfter(56 * minute)).toBe(first)
  expect(err.join('')).toMatch(/^mca-auth: no new token \(.*invalid_client.*\); the stored one expires in 2[34]\d s\n$/)
  expect(await tokenAfter(56.5 * minute)).not.toBe(first)
})

it('a token whose whole lifetime is short is printed as issued', async () => {
  fixture.server.lifetimeSeconds = 2
  const first = await tokenAfter(0)
  expect(await tokenAfter(1_000)).toBe(first)
  expect(await tokenAfter(1_900)).not.toBe(first)
  expect([fixture.server.tokenRequests, err]).toEqual([2, []])
})

it('the warnings do not repeat a secret', async () => {
  await tokenAfter(0)
  fixture.server.script({ status: 401, body: { error: 'invalid_client', error_description: `not ${secret}` } })
  await tokenAfter(56 * minute)
  expect(err.join('')).toContain('not [redacted]')
})
