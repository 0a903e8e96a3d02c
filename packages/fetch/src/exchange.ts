import {
  type AuthorizationHeaders,
  conceal,
  concealIn,
  originOf,
  type RequestAuthorization,
  type Verdict,
} from '@mca-auth/core/adapter'
import { type Call, type Hop, outermost } from './call.js'
import { withAuthorization } from './call-headers.js'
import type { AnyFetch } from './global-fetch.js'
import { hidesRedirect, isRedirect, networkError, nextHop } from './redirect.js'
import { discard, isFromCache, responseIn } from './response.js'

/** The result of a fetch: a response, or an error that contains one, such as ky's. */
interface Outcome {
  readonly response: Response
  readonly error?: unknown
}

/** A call that carries a token: all its sendings, over redirects, until the response that the caller gets. */
export class Exchange {
  readonly #call: Call
  readonly #authorization: RequestAuthorization
  readonly #fetch: AnyFetch
  /** Whether the adapter follows redirects. If not, the fetch does as the caller wants. */
  #follows: boolean
  #carried: string | undefined

  constructor(call: Call, authorization: RequestAuthorization, fetch: AnyFetch, isGiven: boolean) {
    this.#call = call
    this.#authorization = authorization
    this.#fetch = fetch
    this.#follows = isGiven && call.redirect === 'follow'
  }

  /** Sends at once if there is no wait for a token. */
  async run(headers: AuthorizationHeaders | Promise<AuthorizationHeaders>): Promise<Response> {
    const mustWait = headers instanceof Promise
    let hop = this.#call.firstHop({ mustWait })
    let added = headers instanceof Promise ? await hop.body.wait(headers) : headers
    let body = hop.body.first
    const first = hop.body
    // A fetch that follows redirects itself sends the same proof again, which is not valid for the URL of the hop.
    if (added.dpop !== undefined) this.#follows = this.#call.redirect === 'follow'
    try {
      for (let redirects = 0; ; ) {
        const { response, error } = await this.#send(hop, body, added)
        // Not a response, e.g. from a mock that was not set up to return one.
        if (typeof response?.status !== 'number') return response
        if (this.#follows && isRedirect(response)) {
          discard(response)
          hop = nextHop(hop, response, ++redirects)
          this.#authorization.redirected(hop, { hopIsOurs: true, headers: response.headers })
        } else if ((await this.#verdictOn(hop, response)) === 'resend') {
          discard(response)
        } else {
          if (error !== undefined) throw error
          return response
        }
        body = hop.body.again()
        // Never a promise here: a resend already has its token, and a redirect hop has one or fails.
        added = this.#authorization.headersFor(hop) as AuthorizationHeaders
      }
    } catch (error) {
      throw error === this.#call.signal?.reason ? error : conceal(error, this.#carried)
    } finally {
      first.release()
    }
  }

  async #send(hop: Hop, body: unknown, added: AuthorizationHeaders): Promise<Outcome> {
    const init = {
      ...hop.members,
      headers: withAuthorization(hop.headers, added),
      [outermost]: this.#authorization,
      ...(body !== undefined && { body }),
      ...(this.#follows && { redirect: 'manual' }),
    }
    this.#carried = added.authorization ?? this.#carried
    const outcome = await this.#outcomeOf(hop, init)
    concealIn(outcome.response, this.#carried)
    if (this.#follows && hidesRedirect(outcome.response)) {
      this.#authorization.failed()
      throw networkError('the given fetch hides where a redirect leads, so it cannot be followed')
    }
    return outcome
  }

  async #outcomeOf(hop: Hop, init: object): Promise<Outcome> {
    try {
      return { response: await this.#fetch(hop.input, init) }
    } catch (error) {
      const response = responseIn(error)
      if (response !== undefined) return { response, error }
      this.#authorization.failed()
      throw error
    }
  }

  async #verdictOn(hop: Hop, response: Response): Promise<Verdict> {
    const { url, status, headers, redirected = !!url && originOf(url) !== originOf(hop.url) } = response
    // The fetch followed the redirect itself, as it should, or because it does not support 'manual'.
    if (redirected) this.#authorization.redirected({ url: url || hop.url, method: hop.method })
    const details = { replayable: hop.body.isReplayable, fromCache: status >= 400 && isFromCache(response) }
    try {
      return await this.#authorization.responded(status, headers, details)
    } catch (error) {
      discard(response)
      throw error
    }
  }
}
