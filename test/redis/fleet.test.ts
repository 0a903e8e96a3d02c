import { describe, expect, it, vi } from 'vitest'
import { afterTest, type Cleanup } from '../fleet/cleanup.ts'
import { startFleet } from '../fleet/fleet.ts'
import { fleetContract } from '../fleet/fleet-contract.ts'
import { differentTokens, patient, shortLifetime, startServers, whileLoaded } from '../fleet/load.ts'
import { hasRedis, RedisServer } from '../servers/redis-server.ts'

async function startRedis(cleanup = afterTest): Promise<RedisServer> {
  const redis = await RedisServer.start()
  cleanup(() => redis[Symbol.asyncDispose]())
  return redis
}

describe.runIf(hasRedis)('Redis', () => {
  const open = async (cleanup: Cleanup) => ({ kind: 'redis', url: (await startRedis(cleanup)).url }) as const
  fleetContract('a fleet of processes on one Redis', { open, processes: 50 })

  it('fails no request of a fleet while Redis stops and restarts, and shares again afterwards', async () => {
    const servers = await startServers()
    const { server, resource } = servers
    const redis = await startRedis()
    const fleet = await startFleet(4, { kind: 'redis', url: redis.url }, server.appId)
    server.lifetimeSeconds = await shortLifetime(fleet, resource)
    server.revokeAll()
    const more = (count: number) => {
      const wanted = server.tokenRequests + count
      return vi.waitFor(() => expect(server.tokenRequests).toBeGreaterThanOrEqual(wanted))
    }
    const failures = await whileLoaded(fleet, servers, async () => {
      await more(2)
      await redis.stop()
      await more(2 * fleet.length) // each process on its own
      await redis.start()
      await more(2)
    })
    expect(failures).toEqual([])
    await expect.poll(differentTokens(fleet)).toBe(1)
  })

  it('shares between hosts whose clocks are two minutes apart', async () => {
    const { server } = await startServers()
    server.lifetimeSeconds = 600
    const fleet = await startFleet(3, await open(afterTest), patient(server), { skewsMs: [0, 120_000, -120_000] })
    for (const worker of fleet) {
      const { failures, lifeMs } = await worker.ask()
      expect(failures).toBe(0)
      expect(lifeMs).toBeGreaterThan(600_000 - 100_000)
      expect(lifeMs).toBeLessThanOrEqual(600_000)
    }
    expect(server.tokenRequests).toBe(1)
  })
})
