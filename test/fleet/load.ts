import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterTest } from './cleanup.ts'
import type { Loaded, Worker } from './fleet.ts'

export interface Servers {
  readonly server: AuthorizationServer
  readonly resource: ProtectedResource
}

/** The servers of one test. They are closed with it. */
export async function startServers(cleanup = afterTest): Promise<Servers> {
  const server = await startAuthorizationServer()
  cleanup(() => server.close())
  const resource = await startProtectedResource({ authorizationServer: server })
  cleanup(() => resource.close())
  return { server, resource }
}

/** Generous, since all processes of a fleet share the cores of one machine. */
export function patient(server: AuthorizationServer) {
  return { ...server.appId, timeoutMs: 100_000, sharedCacheTimeoutMs: 60_000 }
}

/** Keeps the fleet under load until the work is done. Returns the result of each request that failed. */
export async function whileLoaded(
  fleet: readonly Worker[],
  { server, resource }: Servers,
  work: () => Promise<unknown>,
): Promise<readonly string[]> {
  const loading = Promise.all(fleet.map((worker) => worker.load({ url: resource.origin })))
  try {
    await work()
  } finally {
    await Promise.all(fleet.map((worker) => worker.stop()))
  }
  return failuresOf(await loading, server)
}

/**
 * A token may expire while a request is under way that takes longer than the time for which a token must still be valid
 * when it is sent. On a busy machine that happens, and is not a failure.
 */
export function failuresOf(loaded: readonly Loaded[], { lifetimeSeconds }: AuthorizationServer): readonly string[] {
  const marginMs = Math.min(10_000, (lifetimeSeconds * 1000) / 20)
  const failures = loaded.flatMap((one) => one.failures)
  return failures.filter(({ result, tookMs }) => result !== '401' || tookMs <= marginMs).map(({ result }) => result)
}

/** A short lifetime, but twenty times as long as a request takes on this machine under this load. */
export async function shortLifetime(fleet: readonly Worker[], resource: ProtectedResource): Promise<number> {
  const load = (requests: number) => Promise.all(fleet.map((worker) => worker.load({ url: resource.origin, requests })))
  await load(8) // warm
  const loaded = await load(20)
  return Math.max(2, Math.ceil((Math.max(...loaded.map(({ slowestMs }) => slowestMs)) * 20) / 1000))
}

/** How many different tokens the processes of a fleet get for a scope that none of them has a token for. */
export function differentTokens(fleet: readonly Worker[]): () => Promise<number> {
  let round = 0
  return async () => {
    const scope = `round-${round++}`
    const asked = await Promise.all(fleet.map((worker) => worker.ask({ callers: 5, scope })))
    return new Set(asked.flatMap(({ tokens }) => tokens)).size
  }
}
