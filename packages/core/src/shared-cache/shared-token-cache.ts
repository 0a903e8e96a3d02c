/**
 * A second level behind the cache of each process: a fleet shares its tokens, and makes one token request for all. It
 * stores encrypted text under keys that reveal nothing; errors and timeouts are ignored. `sharedTokenCacheContract()` of
 * `@mca-auth/testing` checks an implementation.
 */
export interface SharedTokenCache {
  /**
   * The keys that seal entries, at least 32 bytes each: the first seals, and all open. Required if there is no secret to
   * derive a key from: if `secret` is a function, or if `clientAuth` is one and there is no secret.
   */
  readonly encryptionKeys?: readonly (string | Uint8Array)[] | undefined
  /**
   * Whether it also keeps the tokens for which those of incoming requests were exchanged: one for each caller.
   * @default false
   */
  readonly exchanged?: boolean | undefined
  /** The entry under this key, unless it has expired. */
  get(key: string): Promise<SharedToken | undefined>
  /**
   * Stores the token for `expiresInMs`, unless a newer lease (a higher fence) has been granted: a slow writer never
   * replaces a newer token.
   */
  set(key: string, token: SharedToken, fence: number): Promise<void>
  /** Deletes the entry if it has this digest. */
  delete(key: string, digest: string): Promise<void>
  /**
   * Acquires the lease on `key` for `durationMs`, or extends it if `holder` already has it.
   *
   * @returns the fence, greater than that of any lease on this key before; `undefined` if another holder has it.
   */
  lease(key: string, holder: string, durationMs: number): Promise<number | undefined>
  /** Releases the lease, if this holder has it. */
  release(key: string, holder: string): Promise<void>
}

/** An entry of a {@link SharedTokenCache}. */
export interface SharedToken {
  /** Sealed; opaque. */
  readonly value: string
  /** Distinguishes tokens, and reveals nothing else. */
  readonly digest: string
  /** The remaining lifetime in ms, counted by the cache, since the clocks of hosts differ. */
  readonly expiresInMs: number
}
