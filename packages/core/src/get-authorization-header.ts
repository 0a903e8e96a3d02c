import { LRUCache } from 'lru-cache'
import { createTokenProvider } from './create-token-provider.js'
import { platformEnvironment } from './credentials/platform-readers.js'
import { checkOptions, type McaAuthOptions } from './options.js'
import type { TokenProvider } from './provider/token-provider.js'
import type { SharedTokenCache } from './shared-cache/shared-token-cache.js'

/** One token each, for credentials that come with each call. The first call's `cacheSize` counts. */
let providers: LRUCache<string, TokenProvider> | undefined

const identities = new WeakMap<object, number>()
let lastIdentity = 0

/**
 * The call on IBM's page for `bms-mca-oauth-sdk`: a header value for these credentials, from the cache where it can be.
 * Other credentials may be given at each call; one cache serves them all. Also under its later name,
 * `getAuthorizationHeaderBySecret`. For new code, `createTokenProvider()` or an adapter does more.
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

/** Equal for calls that may share a token: the same options, and the same platform where they leave something out. */
function identify(options: McaAuthOptions): string {
  const { cacheSize: _, ...rest } = options
  const entries = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([entries, ...platformEnvironment()], (_key, value: unknown) =>
    isOpaque(value) ? `object ${identityOf(value)}` : value,
  )
}

/** A function or a shared cache: the same or another, whatever is in it. */
function isOpaque(value: unknown): value is object {
  return typeof value === 'function' || typeof (value as SharedTokenCache | null)?.lease === 'function'
}

function identityOf(value: object): number {
  const known = identities.get(value)
  if (known !== undefined) return known
  identities.set(value, ++lastIdentity)
  return lastIdentity
}
