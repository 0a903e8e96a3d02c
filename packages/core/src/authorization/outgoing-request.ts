/** The request that a client is about to send, as `tokenRequest` sees it. */
export interface OutgoingRequest {
  /** Absolute, with the query. A copy: changing it changes nothing. */
  readonly url: URL
  /** Upper case. */
  readonly method: string
  /**
   * Set if `tokenRequest` is called again, because a resource in `origins` demands a token with more scope. If it returns a
   * different token request than before, the request is resent, once.
   */
  readonly challenge?: ScopeChallenge | undefined
}

/** A challenge that demands a token with more scope (RFC 6750 §3.1). All of it comes from the resource. */
export interface ScopeChallenge {
  /** The error code of the challenge. */
  readonly error: 'insufficient_scope'
  /** The scopes that the resource demands, space-separated, if it names them. */
  readonly scope: string | undefined
  /** `resource_metadata`, the URL of the resource's metadata (RFC 9728 §5.1), if it is named. It is never requested. */
  readonly resourceMetadata: string | undefined
}
