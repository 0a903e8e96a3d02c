import { originOf } from '../origin.js'
import type { ProviderInternals } from '../provider/provider-internals.js'
import { isTokenEndpoint } from '../token-endpoint/token-endpoint-registry.js'
import type { PreparedTokenRequest, TokenRequest } from '../token-endpoint/token-request.js'
import type { AuthorizationOptions } from './authorization-options.js'
import { OriginRule } from './origin-rule.js'
import { RejectionBudget } from './rejection-budget.js'
import { type BeginRequest, RequestAuthorization, type Sending } from './request-authorization.js'
import { reportSkipped } from './skipped-requests.js'
import { currentTrail, withoutTrail } from './trail.js'

/** One for each provider: clients that share a provider share what a resource's rejections may cost. */
const budgets = new WeakMap<ProviderInternals, RejectionBudget>()

/**
 * Authorizes the requests of one client. One for each `mcaAuth()`; what concerns a single request is decided in
 * {@link RequestAuthorization}.
 */
export class RequestAuthorizer {
  /** The client's name in reports: `axios`, `got`, `undici`, `fetch`. */
  readonly client: string
  /** @internal */
  readonly provider: ProviderInternals
  /** @internal */
  readonly rule: OriginRule
  /** @internal */
  readonly budget: RejectionBudget
  /** @internal */
  readonly defaultRequest: PreparedTokenRequest
  /** @internal */
  readonly tokenRequest: AuthorizationOptions['tokenRequest']
  /** @internal */
  readonly forwardsIncoming: boolean
  /** Sendings that failed or were redirected, by what identifies the request to the layer that may send it again. */
  readonly #unfinished = new WeakMap<object, RequestAuthorization>()

  constructor(client: string, provider: ProviderInternals, options: AuthorizationOptions) {
    this.client = client
    this.provider = provider
    this.rule = new OriginRule(options.origins, options.allowInsecureRequests ?? false)
    this.tokenRequest = options.tokenRequest
    this.forwardsIncoming = options.incoming === 'forward'
    this.defaultRequest = provider.prepare()
    const budget = budgets.get(provider) ?? new RejectionBudget()
    budgets.set(provider, budget)
    this.budget = budget
  }

  /** The one origin that `origins` lists, for clients that hide where they are connected to. */
  get soleOrigin(): string | undefined {
    return this.rule.list?.sole
  }

  /**
   * Begins the authorization of a request: call it in the first code that the client runs, before anything is awaited.
   * Never throws.
   *
   * @returns `undefined` for a request that is not ours at all: a token request, or no http(s) URL.
   */
  begin(request: BeginRequest): RequestAuthorization | undefined {
    const { url } = request
    const origin = request.origin ?? (url === undefined ? this.soleOrigin : originOf(url))
    if (origin === undefined) return url === undefined ? new RequestAuthorization(this, request, undefined) : undefined
    if (url !== undefined && isTokenEndpoint(origin, url)) {
      reportSkipped(this.client, origin, 'token-endpoint')
      return undefined
    }
    return new RequestAuthorization(this, request, origin)
  }

  /**
   * For clients whose layers send a request again by themselves (undici): continues the authorization of a sending that
   * failed or was redirected, if `identity` is the same object as then and the request is the same, or follows the
   * redirect. Everything else begins anew, in the context it is made in.
   *
   * A layer in between may hide the identity. Then the trail in the async context hands on what is forbidden, and
   * nothing else: never a token, an incoming token or a scope.
   */
  beginOrContinue(identity: object, request: BeginRequest): RequestAuthorization | undefined {
    const known = this.#unfinished.get(identity)
    const trail = currentTrail()
    if (known !== undefined) {
      this.#unfinished.delete(identity)
      if (known.continues(request) && (trail?.authorization === known || known.belongsHere())) {
        trail?.use()
        return known
      }
    }
    if (trail === undefined) return this.begin(request)
    // Not in the trail's context: what this request calls back is not part of the trail.
    return withoutTrail(() => {
      const anew = this.begin(request)
      if (anew !== undefined && trail.authorization.authorizer === this && trail.leadsTo(request)) {
        anew.inherit(trail.authorization)
      }
      return anew
    })
  }

  /** @internal A layer may send this request again. */
  expect(identity: object, authorization: RequestAuthorization): void {
    this.#unfinished.set(identity, authorization)
  }

  /** @internal */
  choose(url: string | URL, method: string): PreparedTokenRequest | false {
    if (this.tokenRequest === undefined) return this.defaultRequest
    const chosen: unknown = this.tokenRequest({ url: new URL(url), method: method.toUpperCase() })
    if (chosen === false) return false
    if (typeof chosen !== 'object' || chosen === null || 'then' in chosen) {
      throw new TypeError('`tokenRequest` must return a token request or false, synchronously')
    }
    return this.provider.prepare(chosen as TokenRequest)
  }
}

export type { BeginRequest, Sending }
