import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hasRedis, RedisServer } from '../servers/redis-server.ts'
import { fullSize } from '../size.ts'
import { type Loaded, startFleet, type Worker } from './fleet.ts'

describe.runIf(hasRedis)('a fleet of processes on one Redis', () => {
  let redis: RedisServer
  let server: AuthorizationServer
  let resource: ProtectedResource

  beforeEach(async () => {
    redis = await RedisServer.start()
    server = await startAuthorizationServer()
    resource = await startProtectedResource({ authorizationServer: server })
  })

  afterEach(async () => {
    await resource.close()
    await server.close()
    await redis[Symbol.asyncDispose]()
  })

  /** Generous, since all these processes share the cores of one machine. */
  const patient = () => ({ ...server.appId, timeoutMs: 100_000, sharedCacheTimeoutMs: 60_000 })

  const failuresOf = (loaded: readonly Loaded[]) => loaded.flatMap(({ failures }) => failures)

  /** Keeps the fleet under load until the work is done. */
  async function whileLoaded(fleet: readonly Worker[], work: () => Promise<unknown>): Promise<readonly Loaded[]> {
    const loading = Promise.all(fleet.map((worker) => worker.load({ url: resource.origin })))
    await work()
    for (const worker of fleet) worker.stop()
    return loading
  }

  /** A short lifetime, but twenty times as long as a request takes on this machine under this load. */
  async function shortLifetime(fleet: readonly Worker[]): Promise<number> {
    const load = (requests: number) =>
      Promise.all(fleet.map((worker) => worker.load({ url: resource.origin, requests })))
    await load(8) // warm
    const loaded = await load(20)
    return Math.max(2, Math.ceil((Math.max(...loaded.map(({ slowestMs }) => slowestMs)) * 20) / 1000))
  }

  const size = fullSize ? 50 : 8
  it(`makes 1 token request for ${size} processes with 20 cold callers each`, { timeout: 600_000 }, async () => {
    server.delayMs = 200
    const fleet = await startFleet(size, redis.url, patient())
    const asked = await Promise.all(fleet.map((worker) => worker.ask({ callers: 20 })))
    expect(asked.reduce((sum, { failures }) => sum + failures, 0)).toBe(0)
    expect(new Set(asked.flatMap(({ tokens }) => tokens)).size).toBe(1)
    expect(server.tokenRequests).toBe(1)
  })

  it('makes 1 token request per lifetime under load', async () => {
    const fleet = await startFleet(6, redis.url, patient())
    server.lifetimeSeconds = await shortLifetime(fleet)
    const answer = server.answer.bind(server)
    const times: number[] = []
    server.answer = (request) => {
      times.push(performance.now())
      return answer(request)
    }
    server.revokeAll()
    const loaded = await whileLoaded(fleet, () => vi.waitFor(() => expect(times.length).toBe(3)))
    expect(failuresOf(loaded)).toEqual([])
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number))
    // Refreshed in the last fifth of each lifetime, which begins when the token request is sent.
    for (const gap of gaps) expect(gap).toBeGreaterThan(server.lifetimeSeconds * 700)
  })

  it('makes one more token request if the process that makes the first is killed, once its lease expires', async () => {
    server.script({ hang: 'headers' })
    const [holder, ...others] = (await startFleet(4, redis.url, patient())) as [Worker, ...Worker[]]
    holder.ask().catch(() => {})
    await vi.waitFor(() => expect(server.tokenRequests).toBe(1))
    const before = redis.scriptsRun
    const asking = others.map((worker) => worker.ask({ callers: 20 }))
    // All of them have looked for a token, and then for the lease.
    await vi.waitFor(() => expect(redis.scriptsRun).toBeGreaterThan(before + 2 * others.length))
    const killed = performance.now()
    holder.kill()
    const asked = await Promise.all(asking)
    expect(asked.map(({ failures }) => failures)).toEqual([0, 0, 0])
    expect(server.tokenRequests).toBe(2)
    // After 2 s; otherwise they would have waited for half of `timeoutMs`.
    expect(performance.now() - killed).toBeLessThan(patient().timeoutMs / 4)
  })

  it('replaces a revoked token once for all', async () => {
    const fleet = await startFleet(6, redis.url, patient())
    await Promise.all(fleet.map((worker) => worker.ask()))
    expect(server.tokenRequests).toBe(1)
    server.revokeAll()
    const loaded = await Promise.all(fleet.map((worker) => worker.load({ url: resource.origin, requests: 40 })))
    expect(failuresOf(loaded)).toEqual([])
    expect(server.tokenRequests).toBe(2)
  })

  it('fails no request while Redis stops and restarts, and shares again afterwards', async () => {
    const fleet = await startFleet(4, redis.url, server.appId)
    server.lifetimeSeconds = await shortLifetime(fleet)
    server.revokeAll()
    const more = (count: number) => {
      const wanted = server.tokenRequests + count
      return vi.waitFor(() => expect(server.tokenRequests).toBeGreaterThanOrEqual(wanted))
    }
    const loaded = await whileLoaded(fleet, async () => {
      await more(2)
      await redis.stop()
      await more(2 * fleet.length) // each process on its own
      await redis.start()
      await more(2)
    })
    expect(failuresOf(loaded)).toEqual([])
    let round = 0
    const shared = async () => {
      const scope = `round-${round++}`
      const asked = await Promise.all(fleet.map((worker) => worker.ask({ callers: 5, scope })))
      return new Set(asked.flatMap(({ tokens }) => tokens)).size
    }
    await expect.poll(shared).toBe(1)
  })

  it('shares between hosts whose clocks are two minutes apart', async () => {
    server.lifetimeSeconds = 600
    const fleet = await startFleet(3, redis.url, patient(), [0, 120_000, -120_000])
    for (const worker of fleet) {
      const { failures, lifeMs } = await worker.ask()
      expect(failures).toBe(0)
      expect(lifeMs).toBeGreaterThan(600_000 - 100_000)
      expect(lifeMs).toBeLessThanOrEqual(600_000)
    }
    expect(server.tokenRequests).toBe(1)
  })

  it('keeps token requests apart', async () => {
    const fleet = await startFleet(2, redis.url, patient())
    const scopes = ['orders.read', 'orders.write']
    const asked = await Promise.all(scopes.map((scope, i) => fleet[i]?.ask({ scope })))
    expect(asked[0]?.tokens).not.toEqual(asked[1]?.tokens)
    const crossed = await Promise.all(scopes.map((scope, i) => fleet[1 - i]?.ask({ scope })))
    expect(crossed.map((one) => one?.tokens)).toEqual(asked.map((one) => one?.tokens))
    expect(server.tokenRequests).toBe(2)
  })
})
