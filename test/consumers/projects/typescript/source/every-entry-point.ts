// Compiled, never run: the types of every entry point. The line after `@ts-expect-error` must not compile.
import { CloudantV1 } from '@ibm-cloud/cloudant'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { createTokenProvider, type SharedTokenCache } from '@mca-auth/core'
import { createRequestAuthorizer, type RequestAuthorization } from '@mca-auth/core/adapter'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { type FileTokenCache, type FileTokenCacheOptions, fileTokenCache, type StoredEntry } from '@mca-auth/file-cache'
import { McaAuthenticator } from '@mca-auth/ibm-cloud-sdk'
import { instrumentMcaAuth } from '@mca-auth/opentelemetry'
import { type RedisTokenCacheOptions, redisTokenCache } from '@mca-auth/redis'
import { type AuthorizationServer, startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios from 'axios'
import { Agent, type Dispatcher } from 'undici'

export const origins = 'https://orders.example.com'
export const cloudant: CloudantV1 = new CloudantV1({ authenticator: new McaAuthenticator({ origins }) })
export const authorization: RequestAuthorization | undefined = createRequestAuthorizer('orders').begin({
  url: origins,
  method: 'GET',
})
export const stop: () => void = instrumentMcaAuth()
export const options: RedisTokenCacheOptions = {}
export const cache = (client: Parameters<typeof redisTokenCache>[0]): SharedTokenCache => redisTokenCache(client)
export const files: (options: FileTokenCacheOptions) => FileTokenCache = fileTokenCache
export const entries: Promise<readonly StoredEntry[]> = fileTokenCache().list()
export const dispatcher: Dispatcher = new Agent().compose(undiciAuth({ origins }))
export const expiresAt: Promise<number> = createTokenProvider()
  .getToken({ scope: 'orders' })
  .then((token) => token.expiresAt)
export async function inTest(): Promise<string> {
  const authorizationServer: AuthorizationServer = await startAuthorizationServer({ lifetimeSeconds: 2 })
  return (await startProtectedResource({ authorizationServer })).origin
}
axios.interceptors.request.use(axiosAuth({ origins: [origins], timeoutMs: 1_000 }))
axios.interceptors.request.use(axiosAuth(createTokenProvider(), { origins }))

// @ts-expect-error a misspelt option
axiosAuth({ origin: origins })
// @ts-expect-error a number that is text
createTokenProvider({ cacheSize: '10' })
// @ts-expect-error a grant that does not exist
undiciAuth({ incoming: 'forwards' })
// @ts-expect-error a fetch that is not a function
fetchAuth({ origins }, { fetch: 'node-fetch' })
// @ts-expect-error a misspelt option of the cache
fileTokenCache({ path: '/tokens' })
// @ts-expect-error a cache without methods
createTokenProvider({ sharedCache: new Map() })
// @ts-expect-error an error code that does not exist
createTokenProvider().getToken({ scopes: 'orders' })
// @ts-expect-error a lifetime that is text
startAuthorizationServer({ lifetimeSeconds: '2' })
// @ts-expect-error neither a provider nor options
new McaAuthenticator('orders')
