import { setTimeout as sleep } from 'node:timers/promises'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, RedisServer } from '../servers/redis-server.ts'
import { startFleet } from './fleet.ts'

describe.runIf(hasRedis)('a fleet of processes on one Redis', { timeout: 60_000 }, () => {
  let redis: RedisServer
  let server: Awaited<ReturnType<typeof startAuthorizationServer>>

  beforeEach(async () => {
    redis = await RedisServer.start()
    server = await startAuthorizationServer()
  })

  afterEach(async () => {
    await server.close()
    await redis[Symbol.asyncDispose]()
  })

  /** Two cores run all of these processes: Redis is not slow, who asks it is. */
  const patient = () => ({ ...server.appId, sharedCacheTimeoutMs: 5_000 })

  it('makes 1 token request for 50 processes with 20 cold callers each', async () => {
    server.delayMs = 200
    await using fleet = await startFleet(50, redis.url, patient())
    const asked = await Promise.all(fleet.workers.map((worker) => worker.ask({ callers: 20 })))
    expect(asked.reduce((sum, { failures }) => sum + failures, 0)).toBe(0)
    expect(new Set(asked.flatMap(({ tokens }) => tokens)).size).toBe(1)
    expect(server.tokenRequests).toBe(1)
  })

  it('makes 1 token request per lifetime under load', async () => {
    server.lifetimeSeconds = 3
    await using resource = await startProtectedResource({ authorizationServer: server })
    await using fleet = await startFleet(6, redis.url, patient())
    const load = { url: resource.origin, rate: 30, seconds: 8 }
    const loaded = await Promise.all(fleet.workers.map((worker) => worker.load(load)))
    expect(loaded.reduce((sum, { failures }) => sum + failures, 0)).toBe(0)
    // Renewed in the last fifth of each life: after 2.4 s at the soonest.
    expect(server.tokenRequests).toBeGreaterThanOrEqual(3)
    expect(server.tokenRequests).toBeLessThanOrEqual(4)
  })

  it('makes one more where the process that asks is killed, and nobody waits longer than its lease', async () => {
    server.script({ hang: 'headers' })
    await using fleet = await startFleet(4, redis.url, patient())
    const [holder, ...others] = fleet.workers
    holder?.ask().catch(() => {})
    while (server.tokenRequests === 0) await sleep(10)
    const asking = others.map((worker) => worker.ask({ callers: 20 }))
    await sleep(200)
    holder?.kill()
    const asked = await Promise.all(asking)
    expect(asked.map(({ failures }) => failures)).toEqual([0, 0, 0])
    expect(server.tokenRequests).toBe(2)
    for (const { ms } of asked) expect(ms).toBeLessThan(200 + 2_000 + 1_000)
  })

  it('replaces a revoked token once for all', async () => {
    await using resource = await startProtectedResource({ authorizationServer: server })
    await using fleet = await startFleet(6, redis.url, patient())
    await Promise.all(fleet.workers.map((worker) => worker.ask()))
    expect(server.tokenRequests).toBe(1)
    server.revokeAll()
    const load = { url: resource.origin, rate: 40, seconds: 1 }
    const loaded = await Promise.all(fleet.workers.map((worker) => worker.load(load)))
    expect(loaded.reduce((sum, { failures }) => sum + failures, 0)).toBe(0)
    expect(server.tokenRequests).toBe(2)
  })

  it('fails no request while Redis goes away and comes back, and shares again afterwards', async () => {
    server.lifetimeSeconds = 2
    await using resource = await startProtectedResource({ authorizationServer: server })
    await using fleet = await startFleet(4, redis.url, server.appId)
    const loading = fleet.workers.map((worker) => worker.load({ url: resource.origin, rate: 30, seconds: 7 }))
    await sleep(1_500)
    await redis.stop()
    await sleep(2_500)
    await redis.start()
    const loaded = await Promise.all(loading)
    expect(loaded.reduce((sum, { failures }) => sum + failures, 0)).toBe(0)
    await sleep(2_500) // the tokens of all are over
    const before = server.tokenRequests
    await Promise.all(fleet.workers.map((worker) => worker.ask({ callers: 5 })))
    expect(server.tokenRequests - before).toBe(1)
  })

  it('shares between hosts whose clocks are two minutes apart', async () => {
    server.lifetimeSeconds = 60
    await using fleet = await startFleet(3, redis.url, patient(), [0, 120_000, -120_000])
    for (const worker of fleet.workers) {
      const { failures, lifeMs } = await worker.ask()
      expect(failures).toBe(0)
      expect(lifeMs).toBeGreaterThan(50_000)
      expect(lifeMs).toBeLessThanOrEqual(60_000)
    }
    expect(server.tokenRequests).toBe(1)
  })

  it('keeps token requests apart', async () => {
    await using fleet = await startFleet(2, redis.url, patient())
    const scopes = ['orders.read', 'orders.write']
    const asked = await Promise.all(scopes.map((scope, i) => fleet.workers[i]?.ask({ scope })))
    expect(asked[0]?.tokens).not.toEqual(asked[1]?.tokens)
    const crossed = await Promise.all(scopes.map((scope, i) => fleet.workers[1 - i]?.ask({ scope })))
    expect(crossed.map((one) => one?.tokens)).toEqual(asked.map((one) => one?.tokens))
    expect(server.tokenRequests).toBe(2)
  })
})
