import { originOf } from '../origin.js'
import { hasTokenEndpoint, isTokenEndpoint } from '../token-endpoint/token-endpoints.js'
import type { ClientRules } from './client-rules.js'
import { RequestAuthorization } from './request-authorization.js'
import type { BeginRequest } from './sending.js'
import { reportSkipped } from './skipped-requests.js'
import { currentTrail, type Trail, withoutTrail, withTrail } from './trail.js'

/**
 * Authorizes the requests of one client. One for each `mcaAuth()`; what concerns a single request is decided in
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
   * follows the redirect. Everything else begins anew, in the context that it is made in.
   *
   * A layer in between may hide the identity. Then the trail in the async context hands on what is forbidden, and
   * nothing else: never a token, an incoming token or a scope.
   */
  beginOrContinue(identity: object, given: BeginRequest): RequestAuthorization | undefined {
    const known = this.#unfinished.get(identity)
    const trail = currentTrail()
    if (known === undefined && trail === undefined) return this.begin(given)
    const before = known ?? (trail as Trail).authorization
    // A redirect may name an address itself. Then the name that a layer has given to an earlier one says nothing.
    const address = before.isFollowedBy({ url: given.dispatched }) ? given.dispatched : undefined
    const request = address === undefined ? given : { ...given, url: address, origin: undefined }
    this.#unfinished.delete(identity)
    const authorization = this.#continue(known, trail, request) ?? this.#beginAfter(before, trail, request)
    if (address !== undefined) authorization?.judgeByAddress(address)
    return authorization
  }

  #continue(known: RequestAuthorization | undefined, trail: Trail | undefined, request: BeginRequest) {
    if (known === undefined) return undefined
    const isTheirs = trail?.authorization === known || known.belongsHere
    if (!isTheirs || !known.continues(request)) return undefined
    trail?.use()
    return known
  }

  /** Outside of the trail: what this request calls back is not part of it. */
  #beginAfter(before: RequestAuthorization, trail: Trail | undefined, request: BeginRequest) {
    const anew = withoutTrail(() => this.begin(request))
    if (anew === undefined || !before.isOf(this.#rules)) return anew
    if (trail?.authorization === before && trail.useFor(request)) anew.inherit(before)
    else anew.avoidWhereLed(before)
    return anew
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
