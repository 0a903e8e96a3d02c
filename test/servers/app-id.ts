// A new authorization server and a new resource for each test of the file that imports this.
import { type CachingTokenProvider, createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeEach, vi } from 'vitest'

export let server: AuthorizationServer
export let resource: ProtectedResource
const providers: CachingTokenProvider[] = []

beforeEach(async () => {
  server = await startAuthorizationServer()
  resource = await startProtectedResource({ authorizationServer: server })
})

afterEach(async () => {
  vi.useRealTimers()
  for (const provider of providers.splice(0)) provider.close()
  await resource.close()
  await server.close()
})

/** A provider for this server, which ends with the test. */
export function provide(options: McaAuthOptions = {}): CachingTokenProvider {
  const provider = createTokenProvider({ ...server.appId, ...options })
  providers.push(provider)
  return provider
}
