import { McaAuthError } from '../error.js'
import { isSecure } from '../origin.js'
import type { CachedToken } from '../provider/access-token.js'
import type { ProviderInternals } from '../provider/provider-internals.js'
import { hasTokenEndpoint, isTokenEndpoint } from '../token-endpoint/token-endpoints.js'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'
import type { AuthorizationOptions, OutgoingRequest } from './authorization-options.js'
import { readChallenge } from './challenge.js'
import { ForwardedToken, incomingToken } from './incoming.js'
import { RefusalBudget } from './refusal-budget.js'

/** Where a request goes that leaves through a unix socket: this machine, but no origin that `origins` could list. */
export const unixSocket = 'unix:'

/** What a request carries: a token of ours, or the one that an incoming request brought along. */
export type CarriedToken = CachedToken | ForwardedToken

const nothing = new URLSearchParams()

/** Asks nobody: it has its token. */
class ForwardedRequest implements PreparedTokenRequest {
  readonly key = ''
  readonly parameters = nothing
  readonly token: ForwardedToken

  constructor(token: ForwardedToken) {
    this.token = token
  }
}

type Rule = 'attach' | 'pass' | 'insecure'

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/**
 * What every adapter asks of core about one request of its client: may it carry a token, which one, and what does a
 * 401 mean. `Request` is the client's own type for a request; `describe` is only called where its URL matters.
 */
export class Attachment<Request> {
  /** Origins that the options list, normalised; `undefined` where they list none. */
  readonly origins: ReadonlySet<string> | undefined
  readonly #provider: ProviderInternals
  readonly #budget: RefusalBudget
  readonly #describe: (request: Request) => OutgoingRequest
  readonly #defaultRequest: PreparedTokenRequest
  readonly #tokenRequest: AuthorizationOptions['tokenRequest']
  readonly #insecureAllowed: boolean
  readonly #forwards: boolean
  /** By origin, at most 1,000. */
  readonly #rules = new Map<string, Rule>()
  /** Most requests go where the one before went. */
  #lastOrigin: string | undefined
  #lastRule: Rule = 'pass'

  constructor(provider: ProviderInternals, describe: (request: Request) => OutgoingRequest) {
    this.#provider = provider
    this.#budget = budgetOf(provider)
    this.#describe = describe
    this.#defaultRequest = this.#provider.prepare()
    const { origins, tokenRequest, allowInsecureRequests = false, incoming } = this.#provider.rules
    this.origins = origins === undefined ? undefined : new Set([origins].flat().map((origin) => new URL(origin).origin))
    this.#tokenRequest = tokenRequest
    this.#insecureAllowed = allowInsecureRequests
    this.#forwards = incoming === 'forward'
  }

  /** Whether `origins` lets requests to this origin pass by untouched, whatever else they are. */
  excludes(origin: string): boolean {
    return this.origins !== undefined && !this.origins.has(origin)
  }

  /** Whether this is a token request of any provider in this process, which nobody may touch. */
  isTokenEndpoint(origin: string, request: Request): boolean {
    return hasTokenEndpoint(origin) && isTokenEndpoint(this.#describe(request).url)
  }

  /**
   * The token request whose token this request should carry, or `undefined` where it goes untouched. `hasOwn`: the
   * caller has set authorization of its own.
   *
   * @throws McaAuthError `INSECURE_TRANSPORT`
   */
  claim(origin: string, request: Request, hasOwn: boolean): PreparedTokenRequest | undefined {
    if (this.isTokenEndpoint(origin, request)) return undefined
    const rule = this.#rule(origin)
    if (rule === 'pass' || hasOwn) return undefined
    let prepared = this.#defaultRequest
    if (this.#tokenRequest !== undefined) {
      const chosen = this.#tokenRequest(this.#describe(request))
      if (chosen === false) return undefined
      if (typeof chosen !== 'object' || chosen === null || 'then' in chosen) {
        throw new TypeError('`tokenRequest` must return a token request or false, at once')
      }
      prepared = this.#provider.prepare(chosen)
    }
    const incoming = this.#forwards ? incomingToken() : undefined
    // Never our own token instead: that would raise the caller's rights.
    if (incoming === 'none') return undefined
    if (rule === 'insecure') throw insecure(origin)
    return incoming === undefined ? prepared : new ForwardedRequest(incoming)
  }

  /** The token while it can be had at once. */
  take(request: PreparedTokenRequest): CarriedToken | undefined {
    if (this.#forwards && request instanceof ForwardedRequest) return request.token
    return this.#provider.take(request)
  }

  acquire(request: PreparedTokenRequest, signal: AbortSignal | undefined): Promise<CachedToken> {
    return this.#provider.acquire(request, signal)
  }

  /**
   * Judges a 401 to a request that carried `token`, and invalidates the token where the 401 is about it. True: the
   * request may be sent once more, if {@link renew} has another token. `challenge` is its `WWW-Authenticate`.
   */
  refused(
    token: CarriedToken,
    origin: string,
    method: string,
    challenge: string | readonly string[] | null | undefined,
    canResend: boolean,
  ): boolean {
    const verdict = readChallenge(challenge)
    if (verdict === 'other' || verdict === 'insufficient_scope' || token instanceof ForwardedToken) return false
    if (this.#provider.isCurrent(token)) {
      if (!this.#budget.take(token.key, origin)) return false
      this.#provider.reject(token, origin)
    }
    // Without a challenge it may not have been the token, and the request may have done its work.
    return canResend && (verdict === 'bearer' || idempotent.has(method.toUpperCase()))
  }

  /**
   * Another token than the refused one, or `undefined`: then the caller gets the 401, which says more than our error.
   *
   * @throws `signal.reason` on abort
   */
  async renew(
    refused: CarriedToken,
    request: PreparedTokenRequest,
    signal: AbortSignal | undefined,
  ): Promise<CachedToken | undefined> {
    try {
      const token = await this.#provider.acquire(request, signal)
      return token.header === refused.header ? undefined : token
    } catch (error) {
      if (signal?.aborted) throw error
      return undefined
    }
  }

  /** Says that a replay was answered: anything but another 401 gives the refresh budget back. */
  replayed(token: CarriedToken, origin: string, status: number): void {
    if (status !== 401 && !(token instanceof ForwardedToken)) this.#budget.giveBack(token.key, origin)
  }

  #rule(origin: string): Rule {
    if (origin === this.#lastOrigin) return this.#lastRule
    let rule = this.#rules.get(origin)
    if (rule === undefined) {
      rule = this.excludes(origin) ? 'pass' : 'attach'
      if (rule === 'attach' && origin !== unixSocket && !this.#insecureAllowed && !isSecure(origin)) rule = 'insecure'
      if (this.#rules.size >= 1000) this.#rules.clear()
      this.#rules.set(origin, rule)
    }
    this.#lastOrigin = origin
    this.#lastRule = rule
    return rule
  }
}

/** One for all clients that a provider serves. */
const budgets = new WeakMap<ProviderInternals, RefusalBudget>()

function budgetOf(provider: ProviderInternals): RefusalBudget {
  const budget = budgets.get(provider) ?? new RefusalBudget()
  budgets.set(provider, budget)
  return budget
}

function insecure(origin: string): McaAuthError {
  return new McaAuthError(
    'INSECURE_TRANSPORT',
    `no token is sent over plain http to ${origin}: use https, or set \`allowInsecureRequests: true\``,
  )
}
