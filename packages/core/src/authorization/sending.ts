/** One sending of a request: what is final when the client hands it to the wire. */
export interface Sending {
  /** Absolute. `undefined` if the client hides where it is connected to. */
  readonly url: string | URL | undefined
  readonly method: string
  /** The same URL with the address that a DNS layer put in the place of the host, if one did. */
  readonly dispatched?: string | undefined
  /** Its origin, if the URL does not name it: {@link unixSocket}. */
  readonly origin?: string | undefined
  /** The `Authorization` that the request has now. `undefined`: none yet; `false` and `null`: the caller wants none. */
  readonly authorization?: unknown
  /** Whether it goes through a proxy that would see a token sent over plain HTTP; called only where that matters. */
  readonly isProxied?: (() => boolean) | undefined
}

/** A request as its caller made it. */
export interface BeginRequest extends Sending {
  /** Ends the wait for a token. */
  readonly signal?: AbortSignal | undefined
  /** The base URL of the client, which names the origin that may have the token unless `origins` does. */
  readonly base?: string | URL | undefined
  /** The client follows redirects in a way that the adapter can't see. Without `origins` such a request is not sent. */
  readonly hidesRedirects?: boolean | undefined
}

/** The headers that we add to a sending. What the adapter set before and is missing here must be removed. */
export interface AuthorizationHeaders {
  readonly authorization?: string
  /** The proof for a token that is bound to a key (RFC 9449): of this sending alone. */
  readonly dpop?: string
}

export type Verdict = 'deliver' | 'resend'
