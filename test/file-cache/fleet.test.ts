import { rmSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import { afterTest, type Cleanup } from '../fleet/cleanup.ts'
import { startFleet, type Worker } from '../fleet/fleet.ts'
import { fleetContract } from '../fleet/fleet-contract.ts'
import { differentTokens, patient, shortLifetime, startServers, whileLoaded } from '../fleet/load.ts'
import { temporaryDirectory } from './temporary-directory.ts'

async function open(cleanup: Cleanup = afterTest) {
  return { kind: 'file', directory: temporaryDirectory(cleanup) } as const
}

fleetContract('a fleet of processes with one directory', { open, processes: 32 })

it('fails no request of a fleet while the directory is removed again and again, and shares afterwards', async () => {
  const servers = await startServers()
  const { server, resource } = servers
  const cache = await open()
  const fleet = await startFleet(3, cache, patient(server))
  server.lifetimeSeconds = await shortLifetime(fleet, resource)
  server.revokeAll()
  const wanted = server.tokenRequests + 3
  const failures = await whileLoaded(fleet, servers, () =>
    vi.waitFor(() => {
      rmSync(cache.directory, { recursive: true, force: true, maxRetries: 20 })
      expect(server.tokenRequests).toBeGreaterThanOrEqual(wanted)
    }),
  )
  expect(failures).toEqual([])
  server.lifetimeSeconds = 3600
  await expect.poll(differentTokens(fleet)).toBe(1)
})

it('fails no request of a fleet when the clock of one process is set forward and back', async () => {
  const servers = await startServers()
  const { server, resource } = servers
  const fleet = await startFleet(3, await open(), patient(server))
  server.lifetimeSeconds = 600
  let round = 0
  const day = 86_400_000
  const failures = await whileLoaded(fleet, servers, async () => {
    for (const byMs of [day, -day, -day, day, -120_000, 120_000]) {
      await (fleet[0] as Worker).shiftClock(byMs)
      const scope = `round-${round++}`
      const asked = await Promise.all(fleet.map((worker) => worker.ask({ callers: 5, scope })))
      expect(asked.map(({ failures }) => failures)).toEqual(fleet.map(() => 0))
      await Promise.all(fleet.map((worker) => worker.load({ url: resource.origin, requests: 20 })))
    }
  })
  expect(failures).toEqual([])
  await expect.poll(differentTokens(fleet)).toBe(1)
})
