import type { ExchangingProvider, ProviderInternals } from '../provider/provider-internals.js'
import type { PreparedTokenRequest, TokenRequest } from '../token-endpoint/token-request.js'
import type { AuthorizationOptions } from './authorization-options.js'
import { type Incoming, incomingToken } from './incoming.js'
import { OriginRule } from './origin-rule.js'
import type { ScopeChallenge } from './outgoing-request.js'
import { RejectionBudget } from './rejection-budget.js'
import type { WiderRequests } from './wider-requests.js'

type Budgets = WeakMap<ProviderInternals, RejectionBudget>

// One for each provider: clients that share a provider share its budget of refreshes, even if their adapters come from
// different copies of this package.
const shared = globalThis as { [key: symbol]: Budgets | undefined }
const name = Symbol.for('mca-auth.rejection-budgets.1')
shared[name] ??= new WeakMap()
const budgets: Budgets = shared[name]

/** The rules that all requests of one client have in common. */
export class ClientRules {
  /** The client's name in reports. */
  readonly client: string
  readonly provider: ProviderInternals
  readonly origins: OriginRule
  readonly budget: RejectionBudget
  /** The same as `provider`, if it should exchange the tokens of incoming requests. */
  readonly exchanging: ExchangingProvider | undefined
  /** The token request of every request, unless the option `tokenRequest` chooses. */
  readonly defaultRequest: PreparedTokenRequest | undefined
  /** Made by the first challenge that led to one. */
  wider: WiderRequests | undefined
  readonly #tokenRequest: AuthorizationOptions['tokenRequest']
  readonly #readsIncoming: boolean

  /** @throws TypeError if the provider should exchange tokens and cannot. */
  constructor(client: string, given: ProviderInternals, options: AuthorizationOptions) {
    this.client = client
    this.exchanging = options.incoming === 'exchange' ? exchangingPartOf(given) : undefined
    const provider = this.exchanging ?? given
    this.provider = provider
    this.origins = new OriginRule(options.origins, options.allowInsecureRequests === true)
    this.budget = budgets.get(provider) ?? new RejectionBudget()
    budgets.set(provider, this.budget)
    this.#readsIncoming = options.incoming === 'forward' || this.exchanging !== undefined
    this.#tokenRequest = options.tokenRequest
    this.defaultRequest = options.tokenRequest === undefined ? provider.prepare() : undefined
  }

  /** The token of the current incoming request, as this client uses it. */
  incoming(): Incoming {
    if (!this.#readsIncoming) return undefined
    const incoming = incomingToken()
    const isUseless = this.exchanging === undefined && incoming instanceof Object && incoming.isBound
    return isUseless ? 'none' : incoming
  }

  /** @throws TypeError if `tokenRequest` returns anything but a token request or `false`; or the error that it throws. */
  choose(url: string | URL, method: string): PreparedTokenRequest | false {
    const chosen: unknown = this.#tokenRequest?.({ url: new URL(url), method: method.toUpperCase() })
    return chosen === false ? false : this.#prepare(chosen)
  }

  /**
   * Whether a challenge for more scope from this origin is shown to `tokenRequest`: only `origins` says that it may have
   * a stronger token.
   */
  mayStepUp(origin: string): boolean {
    return this.#tokenRequest !== undefined && this.origins.list?.has(origin) === true
  }

  /**
   * Calls `tokenRequest` again after a challenge. `undefined`: it wants no other token.
   *
   * @throws as {@link choose} does.
   */
  chooseAfter(challenge: ScopeChallenge, url: string | URL, method: string): PreparedTokenRequest | undefined {
    const outgoing = { url: new URL(url), method: method.toUpperCase(), challenge }
    const chosen: unknown = this.#tokenRequest?.(outgoing)
    return chosen === false || chosen === undefined || chosen === null ? undefined : this.#prepare(chosen)
  }

  #prepare(chosen: unknown): PreparedTokenRequest {
    if (typeof chosen !== 'object' || chosen === null || 'then' in chosen) {
      throw new TypeError('`tokenRequest` must return a token request or false, synchronously')
    }
    return this.provider.prepare(chosen as TokenRequest)
  }
}

function exchangingPartOf(provider: ProviderInternals): ExchangingProvider {
  if (provider.exchanging !== undefined) return provider.exchanging
  throw new TypeError(
    "`incoming: 'exchange'` needs a provider of createTokenProvider() with a client, and without a `source`, a `service` or " +
      'a `grant` that presents another token',
  )
}
