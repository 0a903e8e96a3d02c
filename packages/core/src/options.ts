import { type AuthorizationOptions, authorizationChecks, checkIncoming } from './authorization/authorization-options.js'
import { type CredentialOptions, checkCombination, credentialChecks } from './credentials/credential-options.js'
import { checkExchange } from './credentials/exchange-grant.js'
import type { ResolvedProviderOptions } from './provider/oauth-token-provider.js'
import { type ProviderOptions, providerChecks } from './provider/provider-options.js'
import { checkService, withService } from './service-options.js'
import { type SharedCacheOptions, sharedCacheChecks } from './shared-cache/shared-cache-options.js'
import { type TokenEndpointOptions, tokenEndpointChecks } from './token-endpoint/token-endpoint-options.js'
import { type Checks, checkFields, record } from './validate.js'

/**
 * Options of a provider and of every `mcaAuth()`. Credentials that are left out come from the platform: `VCAP_SERVICES`,
 * `CE_SERVICES`, a mounted service binding or variables, whichever first has an instance; with `service`, from the
 * configuration of that service.
 */
export interface McaAuthOptions
  extends ProviderOptions,
    CredentialOptions,
    TokenEndpointOptions,
    SharedCacheOptions,
    AuthorizationOptions {}

const checks: Checks<McaAuthOptions> = {
  ...providerChecks,
  ...credentialChecks,
  ...tokenEndpointChecks,
  ...sharedCacheChecks,
  ...authorizationChecks,
}

/** @throws TypeError that names the option. An option that is `undefined` counts as left out. */
export function checkOptions(options: unknown): asserts options is McaAuthOptions {
  record('the options', options)
  checkFields<McaAuthOptions>('option', options, checks)
  checkIncoming(options)
  checkCombination(options)
  checkExchange(options)
  checkService(options)
  if (options.dpop === true && options.sharedCache !== undefined) {
    throw new TypeError(
      '`dpop: true` is a key of one process: with `sharedCache`, give all processes the same key as `dpop`',
    )
  }
}

/** Looked up at each token request, since it may be replaced or instrumented later. A single function, to be comparable. */
const globalFetch: typeof globalThis.fetch = (url, init) => globalThis.fetch(url, init)

/**
 * Checks the options and fills in the defaults. All defaults are here, except for `clientAuth`, which depends on the
 * server.
 *
 * @throws TypeError that names the option.
 */
export function resolveOptions(given: McaAuthOptions): ResolvedProviderOptions {
  checkOptions(given)
  const { options } = withService(given)
  const { cacheSize = 100, exchangeCacheSize = 1_000, refresh, scope, resource, parameters } = options
  const { timeoutMs = 10_000, fetch, sharedCache, sharedCacheTimeoutMs = 250 } = options
  const { origins, incoming = 'ignore', allowInsecureRequests = false, tokenRequest, ...rest } = options
  return {
    credentials: { ...pick(rest, credentialChecks), allowInsecureRequests },
    tokenRequest: { scope, resource, parameters },
    tokenEndpoint: { timeoutMs, fetch: fetch ?? globalFetch, isOwnFetch: fetch !== undefined },
    sharedCache: { sharedCache, sharedCacheTimeoutMs },
    provider: {
      cacheSize,
      exchangeCacheSize,
      refresh: { staleMs: refresh?.staleMs ?? 300_000, expiredMs: refresh?.expiredMs ?? 10_000 },
    },
    authorization: { origins, incoming, allowInsecureRequests, tokenRequest },
  }
}

function pick(options: McaAuthOptions, names: Checks<CredentialOptions>): CredentialOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => name in names))
}
