import { LRUCache } from 'lru-cache'
import { createTokenProvider } from './create-token-provider.js'
import { findCredentials } from './credentials/credentials.js'
import { canonical } from './credentials/identity.js'
import { platformEnvironment, readersFor } from './credentials/platform/platform-readers.js'
import { serviceEnvironment } from './credentials/platform/service-configuration.js'
import { checkOptions, type McaAuthOptions } from './options.js'
import type { CachingTokenProvider } from './provider/token-provider.js'

/** Providers with one token each, for credentials that are given with each call. The first call's `cacheSize` applies. */
let providers: LRUCache<string, CachingTokenProvider> | undefined
/** For the content of the options: how many sources of the platform were needed to complete them. */
let sources: LRUCache<string, number> | undefined

/**
 * The function of IBM's `bms-mca-oauth-sdk`: returns a header value for these credentials, from the cache if possible.
 * Each call may give other credentials; all of them share one cache. Also exported under its later name,
 * `getAuthorizationHeaderBySecret`. New code should prefer `createTokenProvider()` or an adapter.
 *
 * @returns `Bearer …`
 * @throws TypeError for a bad option; McaAuthError otherwise. Both as a rejection.
 * @example
 * ```ts
 * import { getAuthorizationHeader } from '@mca-auth/core'
 *
 * const authHeader = await getAuthorizationHeader({
 *   cacheSize: 100,
 *   appId: 'tenantID',
 *   clientId: 'clientId',
 *   secret: 'secret',
 *   serverUrl: 'https://imf-authserver.ng.bluemix.net/imf-authserver',
 * })
 * await fetch('https://orders.example.com/', { headers: { Authorization: authHeader } })
 * ```
 */
export async function getAuthorizationHeader(options: McaAuthOptions = {}): Promise<string> {
  checkOptions(options)
  providers ??= new LRUCache({ max: options.cacheSize ?? 100 })
  sources ??= new LRUCache({ max: options.cacheSize ?? 100 })
  const given = textOf(options)
  let provider = providers.get(given + environmentFor(options, sources.get(given)))
  if (provider === undefined) {
    provider = createTokenProvider({ ...options, cacheSize: 1 })
    const looked = sourcesFor(options)
    sources.set(given, looked)
    providers.set(given + environmentFor(options, looked), provider)
  }
  return provider.getAuthorizationHeader()
}

/** The unchanged `Authorization` header of an incoming request, to be passed on. */
export function getAuthorizationHeaderFromIncomingRequest(
  request: { readonly headers?: { readonly authorization?: string | undefined } } | null | undefined,
): string | undefined {
  return request?.headers?.authorization
}

/** Equal for the same options. */
function textOf({ cacheSize: _, ...options }: McaAuthOptions): string {
  // As a list, since `canonical()` compares an object that contains a function only by identity.
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return canonical(given.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Equal for the same options on the same platform, as far as the platform completes them. */
function environmentFor({ service }: McaAuthOptions, looked: number | undefined): string {
  if (service !== undefined) return canonical(serviceEnvironment(service))
  // Reading all its variables would take longer than the rest of a call.
  return looked === undefined ? '' : canonical(platformEnvironment(looked))
}

/** How many sources of the platform were read for options that are left out. The options are complete. */
function sourcesFor(options: McaAuthOptions): number {
  if (options.service !== undefined) return 0
  const { server, appId, clientId, secret } = findCredentials(options)
  if ([server, appId, clientId, secret].every((field) => field === undefined || field.from === 'options')) return 0
  // A file may leave out the `appId`, for which the first source is read.
  return options.bindingFile === undefined ? readersFor(options.instanceName) : 1
}
