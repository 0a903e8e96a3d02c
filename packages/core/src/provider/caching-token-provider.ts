import type { CredentialOptions } from '../credentials/credential-options.js'
import { resolveCredentials } from '../credentials/credentials.js'
import { createCoordinator } from '../shared-cache/shared-cache-coordinator.js'
import type { SharedTokenCache } from '../shared-cache/shared-token-cache.js'
import { Telemetry } from '../telemetry.js'
import { CoolDowns } from '../token-endpoint/cool-downs.js'
import { TokenEndpointClient } from '../token-endpoint/token-endpoint-client.js'
import { registerTokenEndpoint } from '../token-endpoint/token-endpoints.js'
import type { TokenRequest } from '../token-endpoint/token-request.js'
import { type AccessToken, CachedToken } from './access-token.js'
import { type AuthorizationOptionsAsGiven, providerInternals } from './provider-internals.js'
import { type ResolvedRefreshPolicy, tokenState } from './refresh-policy.js'
import { TokenCache } from './token-cache.js'
import type { TokenProvider, TokenProviderHealth } from './token-provider.js'
import { TokenRefresher } from './token-refresher.js'

/** The options of a provider, with all defaults filled in. */
export interface ResolvedProviderOptions {
  readonly credentials: CredentialOptions & { readonly allowInsecureRequests: boolean }
  readonly tokenRequest: TokenRequest
  readonly tokenEndpoint: { readonly timeoutMs: number; readonly fetch: typeof globalThis.fetch }
  readonly sharedCache: {
    readonly sharedCache?: SharedTokenCache | undefined
    readonly sharedCacheTimeoutMs: number
  }
  readonly provider: { readonly cacheSize: number; readonly refresh: ResolvedRefreshPolicy }
  readonly authorization: AuthorizationOptionsAsGiven
}

// Unregister the token endpoint of providers that are garbage-collected without `close()`. The cache is registered, not
// the provider: an adapter keeps the former only.
const unregister = new FinalizationRegistry<() => void>((free) => free())

/** The provider that `createTokenProvider()` returns: the public interface of a {@link TokenCache}. */
export class CachingTokenProvider implements TokenProvider {
  readonly #cache: TokenCache
  readonly #coolDowns: CoolDowns
  readonly #endpoint: URL
  readonly #freeEndpoint: () => void

  constructor({
    credentials: given,
    tokenRequest,
    tokenEndpoint,
    sharedCache,
    provider,
    authorization,
  }: ResolvedProviderOptions) {
    const credentials = resolveCredentials(given)
    const { cacheSize, refresh } = provider
    const telemetry = new Telemetry(credentials.tokenEndpoint, credentials.clientId)
    const coolDowns = new CoolDowns(cacheSize)
    const client = new TokenEndpointClient({ credentials, fetch: tokenEndpoint.fetch }, coolDowns, telemetry)
    const coordinator = createCoordinator({ ...sharedCache, cacheSize }, credentials)
    const refresher = new TokenRefresher(client, coordinator, telemetry, tokenEndpoint.timeoutMs, refresh)
    this.#coolDowns = coolDowns
    this.#cache = new TokenCache({ rules: authorization, tokenRequest, cacheSize, refresher, coolDowns, telemetry })
    this.#endpoint = credentials.tokenEndpoint
    this.#freeEndpoint = registerTokenEndpoint(this.#endpoint)
    unregister.register(this.#cache, this.#freeEndpoint, this.#cache)
    Object.defineProperty(this, providerInternals, { value: this.#cache })
  }

  async getToken(request?: TokenRequest, init: { signal?: AbortSignal | undefined } = {}): Promise<AccessToken> {
    return this.#cache.acquire(this.#cache.prepare(request), init.signal)
  }

  async getAuthorizationHeader(
    request?: TokenRequest,
    init: { signal?: AbortSignal | undefined } = {},
  ): Promise<string> {
    const prepared = this.#cache.prepare(request)
    const token = init.signal?.aborted ? undefined : this.#cache.take(prepared)
    return token !== undefined ? token.header : (await this.#cache.acquire(prepared, init.signal)).header
  }

  peek(request?: TokenRequest): string | undefined {
    const token = this.#cache.peek(this.#cache.prepare(request).key)
    return token && tokenState(token, Date.now()) === 'fresh' ? token.header : undefined
  }

  invalidate(rejected: AccessToken | string, request?: TokenRequest): boolean {
    if (typeof rejected !== 'string' && !(rejected instanceof CachedToken)) {
      throw new TypeError('`rejected` must be an AccessToken that this provider gave, or a string')
    }
    const key = typeof rejected === 'string' ? this.#cache.prepare(request).key : rejected.key
    const current = this.#cache.peek(key)
    if (current === undefined) return false
    // Servers reissue the same string: an object is compared as the object, a string as the string.
    const same = typeof rejected === 'string' ? current.accessToken === bare(rejected) : current === rejected
    return same && this.#cache.drop(current)
  }

  health(): TokenProviderHealth {
    const now = Date.now()
    const { key } = this.#cache.prepare()
    const token = this.#cache.peek(key)
    return {
      tokenEndpoint: `${this.#endpoint.origin}${this.#endpoint.pathname}`,
      cachedTokens: this.#cache.size,
      flights: this.#cache.flights,
      token: token && { state: tokenState(token, now), expiresAt: token.expiresAt },
      failure: this.#coolDowns.blocking(key, now),
      closed: this.#cache.closed,
    }
  }

  clear(): void {
    this.#cache.clear()
  }

  close(): void {
    this.#freeEndpoint()
    unregister.unregister(this.#cache)
    this.#cache.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}

function bare(tokenOrHeader: string): string {
  return tokenOrHeader.replace(/^Bearer /i, '')
}
