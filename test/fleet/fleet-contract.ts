import { beforeAll, describe, expect, it, vi } from 'vitest'
import { fullSize } from '../size.ts'
import type { CacheKind } from './cache-kinds.js'
import { afterAllTests, type Cleanup } from './cleanup.ts'
import { startFleet, type Worker } from './fleet.ts'
import { failuresOf, patient, type Servers, shortLifetime, startServers, whileLoaded } from './load.ts'

export interface FleetContract {
  /** A new cache, which is removed by the cleanup. */
  readonly open: (cleanup: Cleanup) => Promise<CacheKind>
  /** The number of processes in full size. */
  readonly processes: number
}

/** The promises of a shared cache to a fleet of processes, whatever kind of cache it is. */
export function fleetContract(name: string, { open, processes }: FleetContract): void {
  // Processes are expensive, so all tests use the same ones.
  describe(name, () => {
    const size = fullSize ? processes : 4
    const cleanup = afterAllTests()
    let servers: Servers
    let fleet: readonly Worker[]

    beforeAll(async () => {
      servers = await startServers(cleanup)
      fleet = await startFleet(size, await open(cleanup), patient(servers.server), { cleanup })
    }, 600_000)

    /** How many token requests the work makes. */
    async function cost(work: () => Promise<unknown>): Promise<number> {
      const before = servers.server.tokenRequests
      await work()
      return servers.server.tokenRequests - before
    }

    it(`makes 1 token request for ${size} processes with 20 cold callers each`, { timeout: 600_000 }, async () => {
      const { server } = servers
      server.delayMs = 200
      const work = async () => {
        const asked = await Promise.all(fleet.map((worker) => worker.ask({ callers: 20 })))
        expect(asked.reduce((sum, { failures }) => sum + failures, 0)).toBe(0)
        expect(new Set(asked.flatMap(({ tokens }) => tokens)).size).toBe(1)
      }
      expect(await cost(work)).toBe(1)
      server.delayMs = 0
    })

    it('keeps token requests apart', async () => {
      const scopes = ['orders.read', 'orders.write']
      const work = async () => {
        const asked = await Promise.all(scopes.map((scope, i) => fleet[i]?.ask({ scope })))
        expect(asked[0]?.tokens).not.toEqual(asked[1]?.tokens)
        const crossed = await Promise.all(scopes.map((scope, i) => fleet[1 - i]?.ask({ scope })))
        expect(crossed.map((one) => one?.tokens)).toEqual(asked.map((one) => one?.tokens))
      }
      expect(await cost(work)).toBe(2)
    })

    it('replaces a revoked token once for all', async () => {
      const { server, resource } = servers
      await Promise.all(fleet.map((worker) => worker.ask()))
      server.revokeAll()
      const work = async () => {
        const loaded = await Promise.all(fleet.map((worker) => worker.load({ url: resource.origin, requests: 20 })))
        expect(failuresOf(loaded, server)).toEqual([])
      }
      expect(await cost(work)).toBe(1)
    })

    it('makes 1 token request per lifetime under load', async () => {
      const { server, resource } = servers
      const loaded = fleet.slice(0, 6)
      server.lifetimeSeconds = await shortLifetime(loaded, resource)
      const answer = server.answer.bind(server)
      const times: number[] = []
      server.answer = (request) => {
        times.push(performance.now())
        return answer(request)
      }
      server.revokeAll()
      const failures = await whileLoaded(loaded, servers, () => vi.waitFor(() => expect(times.length).toBe(3)))
      expect(failures).toEqual([])
      const gaps = times.slice(1).map((time, i) => time - (times[i] as number))
      // Refreshed in the last fifth of each lifetime, which begins when the token request is sent.
      for (const gap of gaps) expect(gap).toBeGreaterThan(server.lifetimeSeconds * 700)
    })

    it('makes one more token request if the process that makes the first is killed, once its lease expires', async () => {
      const { server } = servers
      const scope = 'held'
      server.lifetimeSeconds = 3600
      server.script({ hang: 'headers' })
      const before = server.tokenRequests
      const [holder, ...others] = fleet.slice(0, 4) as [Worker, ...Worker[]]
      holder.ask({ scope }).catch(() => {})
      await vi.waitFor(() => expect(server.tokenRequests).toBe(before + 1))
      const calls = await Promise.all(others.map((worker) => worker.cacheCalls()))
      const asking = others.map((worker) => worker.ask({ callers: 20, scope }))
      // Each of them has looked for a token, and then for the lease.
      for (const [i, worker] of others.entries()) {
        await vi.waitFor(async () => expect(await worker.cacheCalls()).toBeGreaterThan((calls[i] as number) + 4))
      }
      const killed = performance.now()
      holder.kill()
      const asked = await Promise.all(asking)
      expect(asked.map(({ failures }) => failures)).toEqual([0, 0, 0])
      expect(server.tokenRequests).toBe(before + 2)
      // After 2 s; otherwise they would have waited for half of `timeoutMs`.
      expect(performance.now() - killed).toBeLessThan(patient(server).timeoutMs / 4)
    })
  })
}
