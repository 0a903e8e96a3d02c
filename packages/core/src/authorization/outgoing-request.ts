/** The request that a client is about to send, as `tokenRequest` sees it. */
export interface OutgoingRequest {
  readonly url: URL
  /** Upper case. */
  readonly method: string
  /**
   * Set if `tokenRequest` is called again, because a resource in `origins` wants a token with more scope. Another token
   * request than before sends the request again, once.
   */
  readonly challenge?: ScopeChallenge | undefined
}

/** A challenge that asks for a token with more scope (RFC 6750 §3.1). The resource has written all of it. */
export interface ScopeChallenge {
  readonly error: 'insufficient_scope'
  /** The scopes that the resource wants, space-separated, if it names them. */
  readonly scope: string | undefined
  /** `resource_metadata`, the URL of the resource's metadata (RFC 9728 §5.1), if it is named. Nothing is read from there. */
  readonly resourceMetadata: string | undefined
}
