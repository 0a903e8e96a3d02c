import { createTokenProvider } from './create-token-provider.js'
import { canonical } from './credentials/identity.js'
import { platformEnvironment } from './credentials/platform-readers.js'
import { LruMap } from './lru-map.js'
import { checkOptions, type McaAuthOptions } from './options.js'
import type { CachingTokenProvider } from './provider/token-provider.js'

/** One token each, for credentials that come with each call. The first call's `cacheSize` applies. */
let providers: LruMap<CachingTokenProvider> | undefined

/**
 * The call on IBM's page for `bms-mca-oauth-sdk`: a header value for these credentials, from the cache if possible.
 * Other credentials may be given at each call; one cache serves them all. Also under its later name,
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
  providers ??= new LruMap(options.cacheSize ?? 100)
  const key = identify(options)
  let provider = providers.get(key)
  if (provider === undefined) {
    provider = createTokenProvider({ ...options, cacheSize: 1 })
    providers.set(key, provider)
  }
  return provider.getAuthorizationHeader()
}

/** The `Authorization` header of an incoming request as it stands there, to be passed on. */
export function getAuthorizationHeaderFromIncomingRequest(
  request: { readonly headers?: { readonly authorization?: string | undefined } } | null | undefined,
): string | undefined {
  return request?.headers?.authorization
}

/** Equal for calls that may share a token: the same options, and the same platform if they leave something out. */
function identify({ cacheSize: _, ...options }: McaAuthOptions): string {
  // As a list, since of an object that holds a function `canonical()` compares only the identity.
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return canonical([given.sort(([a], [b]) => (a < b ? -1 : 1)), platformEnvironment()])
}
