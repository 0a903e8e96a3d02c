import type { McaAuthOptions } from '@mca-auth/core'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import type { Client } from './clients.js'

/** The services that the clients of the demo call. */
export interface Backend extends AsyncDisposable {
  /** Contains the credentials. */
  readonly options: McaAuthOptions
  urlFor(client: Client): string
  /** The number of 401s so far; `undefined` if it is unknown. */
  rejectionsOf(client: Client): number | undefined
  /** Operations that only our own servers support. */
  readonly tokens: { setLifetime(ms: number): void; revokeAll(): void } | undefined
}

/** An existing service, with the credentials of the environment. */
export function realBackend(url: string): Backend {
  return {
    options: {},
    urlFor: () => url,
    rejectionsOf: () => undefined,
    tokens: undefined,
    async [Symbol.asyncDispose]() {},
  }
}

/** An authorization server, and a protected service for each client. */
export async function startBackend(clients: readonly Client[]): Promise<Backend> {
  const server = await startAuthorizationServer()
  const started = clients.map(async (client) => {
    return [client, await startProtectedResource({ authorizationServer: server })] as const
  })
  const resources = new Map(await Promise.all(started))
  // The record of received requests is for tests. Here, thousands of requests would only fill the memory.
  const forget = setInterval(() => {
    for (const { received } of resources.values()) received.length = 0
  }, 100)
  return {
    options: server.appId,
    urlFor: (client) => `${resources.get(client)?.origin}/orders`,
    rejectionsOf: (client) => resources.get(client)?.answers.get(401) ?? 0,
    tokens: {
      setLifetime(ms) {
        server.lifetimeSeconds = ms / 1000
      },
      revokeAll: () => server.revokeAll(),
    },
    async [Symbol.asyncDispose]() {
      clearInterval(forget)
      await Promise.all([server, ...resources.values()].map((running) => running.close()))
    },
  }
}
