import type { CredentialOptions } from '../credentials/credential-options.js'
import { resolveCredentials } from '../credentials/credentials.js'
import { sealingKeysOf } from '../shared-cache/sealing-keys.js'
import type { SharedTokenCache } from '../shared-cache/shared-token-cache.js'
import { Telemetry } from '../telemetry.js'
import { CoolDowns } from '../token-endpoint/cool-downs.js'
import { OwnEndpoints } from '../token-endpoint/token-endpoints.js'
import type { TokenRequest } from '../token-endpoint/token-request.js'
import { TokenServer } from '../token-endpoint/token-server.js'
import { httpUrl, nonEmptyString } from '../validate.js'
import { type AccessToken, CachedToken } from './access-token.js'
import { CertificateReader } from './certificate-reader.js'
import { createExchangedTokens, type ExchangeParts } from './create-exchanged-tokens.js'
import type { ExchangedTokens } from './exchanged-tokens.js'
import { type AuthorizationOptionsAsGiven, providerInternals } from './provider-internals.js'
import type { ResolvedRefreshPolicy } from './refresh-policy.js'
import { TokenCache } from './token-cache.js'
import type {
  CachingTokenProvider,
  GetTokenOptions,
  HeadersForOptions,
  RequestHeaders,
  TokenProviderHealth,
} from './token-provider.js'

/** The options of each layer: its own fields, checked and with their defaults. */
export interface ResolvedProviderOptions {
  readonly credentials: CredentialOptions & { readonly allowInsecureRequests: boolean }
  /** The token request of a caller that does not specify one. */
  readonly tokenRequest: TokenRequest
  readonly tokenEndpoint: {
    readonly timeoutMs: number
    readonly fetch: typeof globalThis.fetch
    /** Whether the user has set it. */
    readonly isOwnFetch: boolean
  }
  readonly sharedCache: {
    readonly sharedCache?: SharedTokenCache | undefined
    readonly sharedCacheTimeoutMs: number
  }
  readonly provider: {
    readonly cacheSize: number
    readonly exchangeCacheSize: number
    readonly refresh: ResolvedRefreshPolicy
  }
  readonly authorization: AuthorizationOptionsAsGiven
}

// Unregister the token endpoint of providers that are garbage-collected without `close()`. The cache is registered, not
// the provider: an adapter keeps the former only. A closure of the constructor would keep the provider.
const unregister = new FinalizationRegistry<OwnEndpoints>((endpoints) => endpoints.free())

/** The result of `createTokenProvider()`: the public interface of a {@link TokenCache}. */
export class OAuthTokenProvider implements CachingTokenProvider {
  readonly #cache: TokenCache
  readonly #coolDowns: CoolDowns
  readonly #location: () => string
  readonly #endpoints: OwnEndpoints
  readonly #isBound: boolean
  readonly #exchange: ExchangeParts | undefined
  /** There since the first client that exchanges tokens. */
  #exchanged: ExchangedTokens | undefined

  constructor({
    credentials: given,
    tokenRequest,
    tokenEndpoint,
    sharedCache,
    provider,
    authorization,
  }: ResolvedProviderOptions) {
    const credentials = resolveCredentials(given)
    const { cacheSize, exchangeCacheSize, refresh } = provider
    const endpoints = new OwnEndpoints()
    const coolDowns = new CoolDowns(cacheSize)
    const { timeoutMs, isOwnFetch } = tokenEndpoint
    const { fetch: certified, certificate } = credentials.clientAuth
    const fetch = (isOwnFetch ? undefined : certified) ?? tokenEndpoint.fetch
    const { allowInsecureRequests } = given
    const server =
      credentials.server &&
      new TokenServer(credentials.server, fetch, allowInsecureRequests, endpoints, certificate !== undefined)
    const location = () => server?.location ?? 'source'
    const telemetry = new Telemetry(location, credentials.clientId)
    const { sharedCache: cache, ...limits } = sharedCache
    const sharing = cache && { cache, sealingKeys: sealingKeysOf(cache, credentials), cacheSize, ...limits }
    const parts = { credentials, server, fetch, timeoutMs, coolDowns, telemetry, refresh, sharing }
    // Code for token requests is loaded by the first one, so that an application does not pay for it at start.
    const refresher = async () => {
      const { createTokenRefresher } = await import('./create-token-refresher.js')
      return createTokenRefresher(parts)
    }
    this.#isBound = credentials.dpop !== undefined
    this.#coolDowns = coolDowns
    const { exchange: grant } = credentials
    this.#exchange = grant && server && { refresher: parts, server, grant, cacheSize: exchangeCacheSize }
    const exchanging = () => this.#exchangedTokens()
    const certificates = certificate && new CertificateReader(certificate)
    this.#cache = new TokenCache({
      ...{ rules: authorization, tokenRequest, cacheSize, refresher, coolDowns, telemetry, certificates, exchanging },
    })
    this.#location = location
    this.#endpoints = endpoints
    unregister.register(this.#cache, endpoints, this.#cache)
    Object.defineProperty(this, providerInternals, { value: this.#cache })
  }

  async getToken(options?: GetTokenOptions): Promise<AccessToken> {
    return this.#cache.acquire(this.#cache.prepare(options), signalOf(options))
  }

  async headersFor({ url, method = 'GET', nonce, ...options }: HeadersForOptions): Promise<RequestHeaders> {
    const target = httpUrl('url', String(url))
    nonEmptyString('method', method)
    const { header: authorization, binding } = await this.#cache.acquire(
      this.#cache.prepare(options),
      signalOf(options),
    )
    if (binding === undefined) return { authorization }
    binding.learnNonce(target.origin, nonce)
    return { authorization, dpop: binding.prove(target, method, target.origin).proof }
  }

  async getAuthorizationHeader(options?: GetTokenOptions): Promise<string> {
    this.#checkHeaderAlone('getAuthorizationHeader()')
    const request = this.#cache.prepare(options)
    const signal = signalOf(options)
    const token = signal?.aborted ? undefined : this.#cache.take(request)
    return token !== undefined ? token.header : (await this.#cache.acquire(request, signal)).header
  }

  peek(request?: TokenRequest): string | undefined {
    this.#checkHeaderAlone('peek()')
    const token = this.#cache.peek(this.#cache.prepare(request).key)
    return token && token.state(Date.now()) !== 'expired' ? token.header : undefined
  }

  invalidate(token: AccessToken | string): boolean {
    // Servers reissue the same string, so our own token is compared as an object, anything else by its string.
    if (token instanceof CachedToken) return this.#cache.drop(token) || this.#exchanged?.drop(token) === true
    const text: unknown = typeof token === 'string' ? token : (token as AccessToken | null | undefined)?.accessToken
    if (typeof text !== 'string') throw new TypeError('`token` must be an AccessToken or a string')
    const accessToken = text.replace(/^(?:Bearer|DPoP) /i, '')
    const isExchanged = this.#exchanged?.dropByText(accessToken) === true
    return this.#cache.dropByText(accessToken) || isExchanged
  }

  #exchangedTokens(): ExchangedTokens | undefined {
    if (this.#exchanged === undefined && this.#exchange !== undefined) {
      this.#exchanged = createExchangedTokens(this.#cache, this.#exchange)
      if (this.#cache.closed) this.#exchanged.close()
    }
    return this.#exchanged
  }

  #checkHeaderAlone(called: string): void {
    if (!this.#isBound) return
    throw new TypeError(
      `with \`dpop\`, ${called} is useless: each request needs a proof, from headersFor({ url, method })`,
    )
  }

  health(): TokenProviderHealth {
    const now = Date.now()
    const { key } = this.#cache.prepare()
    const token = this.#cache.peek(key)
    return {
      tokenEndpoint: this.#location(),
      cachedTokens: this.#cache.size,
      exchangedTokens: this.#exchanged?.size ?? 0,
      flights: this.#cache.flights + (this.#exchanged?.flights ?? 0),
      token: token && { state: token.state(now), expiresAt: token.expiresAt },
      failure: this.#coolDowns.blocking(key, now) ?? this.#exchanged?.failure(now),
      closed: this.#cache.closed,
    }
  }

  clear(): void {
    this.#cache.clear()
    this.#exchanged?.clear()
  }

  close(): void {
    this.#endpoints.free()
    unregister.unregister(this.#cache)
    this.#cache.close()
    this.#exchanged?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}

function signalOf(options: GetTokenOptions | undefined): AbortSignal | undefined {
  const signal = options?.signal
  if (signal === undefined || typeof signal?.addEventListener === 'function') return signal
  throw new TypeError('`signal` must be an AbortSignal')
}
