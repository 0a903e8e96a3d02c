import { originOf } from '../origin.js'
import { hasTokenEndpoint, isTokenEndpoint } from '../token-endpoint/token-endpoints.js'
import type { ClientRules } from './client-rules.js'
import { RequestAuthorization } from './request-authorization.js'
import type { BeginRequest } from './sending.js'
import { reportSkipped } from './skipped-requests.js'
import { currentTrail, type Trail, withoutTrail, withTrail } from './trail.js'

/**
 * Authorizes the requests of one client. One for each `mcaAuth()`; decisions about a single request are made in
 * {@link RequestAuthorization}.
 */
export class RequestAuthorizer {
  readonly #rules: ClientRules
  /** Requests whose last sending failed or was redirected, by the object that identifies them to the layers around us. */
  readonly #unfinished = new WeakMap<object, RequestAuthorization>()

  constructor(rules: ClientRules) {
    this.#rules = rules
  }

  /** The one origin that `origins` lists, for clients that hide where they are connected to. */
  get soleOrigin(): string | undefined {
    return this.#rules.origins.list?.sole
  }

  /**
   * Begins the authorization of a request: call it in the first code that the client runs, before anything is awaited.
   * Never throws.
   *
   * @returns `undefined` for a request that is passed on unchanged: a token request, or one without an http(s) URL.
   */
  begin(request: BeginRequest): RequestAuthorization | undefined {
    const { url } = request
    const origin = request.origin ?? (url === undefined ? this.soleOrigin : originOf(url))
    if (origin === undefined && url !== undefined) return undefined
    if (url !== undefined && hasTokenEndpoint(origin ?? '') && isTokenEndpoint(url)) {
      reportSkipped(this.#rules.client, origin, 'token-endpoint')
      return undefined
    }
    return new RequestAuthorization(this.#rules, request)
  }

  /**
   * For clients whose layers send a request again by themselves (undici): continues the authorization of a sending that
   * failed or was redirected, if `identity` is the same object as in {@link runEnd} and the request is the same, or
   * follows the redirect. Any other request is a new one, in its own context.
   *
   * A layer in between may hide the identity. Then the trail in the async context passes on only the restrictions, never
   * a token, an incoming token or a scope.
   */
  beginOrContinue(identity: object, given: BeginRequest): RequestAuthorization | undefined {
    const known = this.#unfinished.get(identity)
    const trail = currentTrail()
    if (known === undefined && trail === undefined) return this.begin(given)
    const before = known ?? (trail as Trail).authorization
    // A redirect may name an address itself. Then the host name that a layer gave earlier does not apply.
    const address = before.isFollowedBy({ url: given.dispatched }) ? given.dispatched : undefined
    const request = address === undefined ? given : { ...given, url: address, origin: undefined }
    this.#unfinished.delete(identity)
    const authorization = this.#continue(known, trail, request) ?? this.#beginAfter(before, trail, request)
    if (address !== undefined) authorization?.matchByAddress(address)
    return authorization
  }

  #continue(known: RequestAuthorization | undefined, trail: Trail | undefined, request: BeginRequest) {
    if (known === undefined) return undefined
    const isTheirs = trail?.authorization === known || known.belongsHere
    if (!isTheirs || !known.continues(request)) return undefined
    trail?.use()
    return known
  }

  /** Outside of the trail: callbacks of this request are not part of it. */
  #beginAfter(before: RequestAuthorization, trail: Trail | undefined, request: BeginRequest) {
    const fresh = withoutTrail(() => this.begin(request))
    if (fresh === undefined || !before.isOf(this.#rules)) return fresh
    if (trail?.authorization === before && trail.useFor(request)) fresh.inherit(before)
    else fresh.avoidWhereLed(before)
    return fresh
  }

  /**
   * Calls a layer's callback for the end of a response or for an error, in the caller's async context, so that a request
   * which the layer sends from there is recognised by {@link beginOrContinue}.
   */
  runEnd(identity: object, authorization: RequestAuthorization, callback: () => void): void {
    if (!authorization.isUnfinished) {
      authorization.run(callback)
      return
    }
    this.#unfinished.set(identity, authorization)
    authorization.run(() => withTrail(authorization, callback))
  }
}
