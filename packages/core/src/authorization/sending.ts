/** One sending of a request, in its final form. */
export interface Sending {
  /** Absolute. `undefined` if the client hides where it is connected to. */
  readonly url: string | URL | undefined
  /** Upper case. */
  readonly method: string
  /** The same URL with the address that a DNS layer put in place of the host, if one did. */
  readonly dispatched?: string | undefined
  /** Its origin, if the URL does not name it: {@link unixSocket}. */
  readonly origin?: string | undefined
  /** The `Authorization` that the request has now. `undefined`: none yet; `false` and `null`: the caller wants none. */
  readonly authorization?: unknown
  /** Whether it goes through a proxy that would see a token sent over plain HTTP; called only if that matters. */
  readonly isProxied?: (() => boolean) | undefined
}

/** A request as its caller made it. */
export interface BeginRequest extends Sending {
  /** Ends the wait for a token. */
  readonly signal?: AbortSignal | undefined
  /** The base URL of the client, which names the origin that may have the token unless `origins` does. */
  readonly base?: string | URL | undefined
  /** The client follows redirects in a way that the adapter cannot see. Without `origins` such a request is not sent. */
  readonly hidesRedirects?: boolean | undefined
}

/** The headers that we add to a sending. Headers that the adapter set before and that are missing here must be removed. */
export interface AuthorizationHeaders {
  /** The value of `Authorization`, with the scheme. */
  readonly authorization?: string
  /** The proof for a token that is bound to a key (RFC 9449), only for this sending. */
  readonly dpop?: string
}

/** The decision about a response: give it to the caller, or send the request again. */
export type Verdict = 'deliver' | 'resend'
