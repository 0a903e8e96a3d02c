import type { ClientAuth } from './credentials/client-authentication.js'
import type { RefreshPolicy } from './provider/refresh-policy.js'
import type { SharedTokenCache } from './shared-cache/shared-token-cache.js'
import type { TokenRequest } from './token-endpoint/token-request.js'
import {
  boolean,
  callable,
  duration,
  httpUrl,
  list,
  nonEmptyString,
  positiveInteger,
  record,
  rejectUnknownKeys,
  sealingKeys,
} from './validate.js'

/** The request that a client is about to send, as `tokenRequest` sees it. */
export interface OutgoingRequest {
  readonly url: URL
  /** Upper case. */
  readonly method: string
}

/**
 * Options of a provider and of every `mcaAuth()`. Where credentials are left out, they come from the platform:
 * `VCAP_SERVICES`, `CE_SERVICES` or a mounted service binding, whichever first has an instance.
 */
export interface McaAuthOptions {
  /** How many tokens to keep. @default 100 */
  readonly cacheSize?: number | undefined
  /** MCA tenant id, a.k.a. application GUID. Needed with an MCA `serverUrl` only. */
  readonly appId?: string | undefined
  /** OAuth client id. */
  readonly clientId?: string | undefined
  /** Client secret, or a function that gives the current one: asked at each token request, so secrets may rotate. */
  readonly secret?: string | (() => string | Promise<string>) | undefined
  /** MCA authorization server, e.g. `https://imf-authserver.ng.bluemix.net/imf-authserver`; App ID's URL works too. */
  readonly serverUrl?: string | undefined
  /** App ID server, e.g. `https://us-south.appid.cloud.ibm.com/oauth/v4/<tenant>`. */
  readonly oauthServerUrl?: string | undefined
  /** The same, as App ID's application credentials spell it. */
  readonly oAuthServerUrl?: string | undefined
  /** Token endpoint of any other OAuth 2.0 server (RFC 6749 §3.2). */
  readonly tokenEndpoint?: string | undefined
  /** Which service instance of the platform to use, by its name, where several match. */
  readonly instanceName?: string | undefined
  /** A file that holds a service credential as JSON, e.g. `/opt/service-bind/binding`. Used instead of the platform. */
  readonly bindingFile?: string | undefined
  /** Scopes to ask for, space-separated or as a list (RFC 6749 §3.3). */
  readonly scope?: string | readonly string[] | undefined
  /** Resource indicators, absolute URIs (RFC 8707). */
  readonly resource?: string | readonly string[] | undefined
  /** Further parameters of the token request, e.g. `{ audience: 'https://api.example.com' }`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /**
   * How the client authenticates (RFC 6749 §2.3.1). IBM's servers take id and secret raw, others form-encoded. A
   * function adds its own to the request's `body` and `headers`, e.g. `PrivateKeyJwt()` of `oauth4webapi`.
   * @default 'client_secret_basic_raw' for MCA and App ID, else 'client_secret_basic'
   */
  readonly clientAuth?:
    | 'client_secret_basic'
    | 'client_secret_basic_raw'
    | 'client_secret_post'
    | ClientAuth
    | undefined
  /** Origins that may be sent a token, e.g. `['https://api.example.com']`. @default whatever the caller addresses */
  readonly origins?: string | readonly string[] | undefined
  /**
   * Within `forwardIncoming()`: `'forward'` sends the token of the incoming request, and none where it had none, to
   * `origins`, which must be given; `'ignore'` sends our own.
   * @default 'ignore'
   */
  readonly incoming?: 'forward' | 'ignore' | undefined
  /** Allow plain http beyond loopback, for the token endpoint and for requests. @default false */
  readonly allowInsecureRequests?: boolean | undefined
  /** How long a caller waits for a token at most, all attempts together, in ms. @default 10_000 */
  readonly timeoutMs?: number | undefined
  /** What sends the token request. @default the global `fetch` */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** When tokens are renewed. */
  readonly refresh?: RefreshPolicy | undefined
  /** A second level that a fleet shares, e.g. `redisTokenCache()` of `@mca-auth/redis`. Fails open. @default none */
  readonly sharedCache?: SharedTokenCache | undefined
  /** How much longer a token may take because of the shared cache, in ms. @default 250 */
  readonly sharedCacheTimeoutMs?: number | undefined
  /** Chooses scope or resource for each outgoing request; `false` sends it without a token. */
  readonly tokenRequest?: ((outgoing: OutgoingRequest) => TokenRequest | false) | undefined
}

const clientAuthNames = ['client_secret_basic', 'client_secret_basic_raw', 'client_secret_post']

const checks: { readonly [name in keyof Required<McaAuthOptions>]: (name: string, value: unknown) => void } = {
  cacheSize: positiveInteger,
  appId: nonEmptyString,
  clientId: nonEmptyString,
  secret: (name, value) => typeof value === 'function' || nonEmptyString(name, value),
  serverUrl: httpUrl,
  oauthServerUrl: httpUrl,
  oAuthServerUrl: httpUrl,
  tokenEndpoint: httpUrl,
  instanceName: nonEmptyString,
  bindingFile: nonEmptyString,
  scope: list,
  resource: list,
  parameters: (name, value) => record(`\`${name}\``, value),
  clientAuth: (name, value) => {
    if (typeof value !== 'function' && !clientAuthNames.includes(value as string)) {
      throw new TypeError(`\`${name}\` must be one of ${clientAuthNames.join(', ')}, or a function`)
    }
  },
  origins: (name, value) => {
    const origins = list(name, value)
    if (origins.length === 0) throw new TypeError(`\`${name}\` must name at least one origin`)
    for (const origin of origins) {
      const url = httpUrl(name, origin)
      if (url.href !== `${url.origin}/`) {
        throw new TypeError(`\`${name}\` must hold origins, e.g. 'https://api.example.com': no path, query or fragment`)
      }
    }
  },
  incoming: (name, value) => {
    if (value !== 'forward' && value !== 'ignore') throw new TypeError(`\`${name}\` must be 'forward' or 'ignore'`)
  },
  allowInsecureRequests: boolean,
  timeoutMs: (name, value) => duration(name, value, 1),
  fetch: callable,
  refresh: (name, value) => {
    record(`\`${name}\``, value)
    rejectUnknownKeys('refresh option', value, ['staleMs', 'expiredMs'])
    for (const [key, ms] of Object.entries(value)) if (ms !== undefined) duration(`refresh.${key}`, ms, 0)
  },
  sharedCache: (name, value) => {
    record(`\`${name}\``, value)
    for (const method of ['get', 'set', 'delete', 'lease', 'release']) {
      callable(`${name}.${method}`, (value as Record<string, unknown>)[method])
    }
    const { encryptionKeys } = value as { encryptionKeys?: unknown }
    if (encryptionKeys !== undefined) sealingKeys('encryptionKeys', encryptionKeys)
  },
  sharedCacheTimeoutMs: (name, value) => duration(name, value, 1),
  tokenRequest: callable,
}

/** Throws a `TypeError` that names the option. An option that is `undefined` counts as left out. */
export function checkOptions(options: unknown): asserts options is McaAuthOptions {
  record('the options', options)
  rejectUnknownKeys('option', options, Object.keys(checks))
  const given: McaAuthOptions = options
  for (const [name, check] of Object.entries(checks)) {
    const value = given[name as keyof McaAuthOptions]
    if (value !== undefined) check(name, value)
  }
  if (given.incoming === 'forward' && given.origins === undefined) {
    throw new TypeError("`incoming: 'forward'` needs `origins`: the callers' tokens go nowhere else")
  }
  const servers = ['serverUrl', 'oauthServerUrl', 'oAuthServerUrl', 'tokenEndpoint'].filter(
    (name) => given[name as keyof McaAuthOptions] !== undefined,
  )
  if (servers.length > 1) throw new TypeError(`only one of \`${servers.join('`, `')}\` may be given`)
}
