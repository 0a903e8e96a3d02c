/**
 * A second level behind the cache of each process: a fleet shares its tokens, and makes one token request for all. It
 * stores sealed text under keys that tell nothing; whatever it throws, or does not answer in time, is passed over.
 * `sharedTokenCacheContract()` of `@mca-auth/testing` checks an implementation.
 */
export interface SharedTokenCache {
  /**
   * What entries are sealed with, at least 32 bytes each: the first seals, all open. Needed where there is no secret to
   * derive a key from: with a `secret` function, or a `clientAuth` function and no secret.
   */
  readonly encryptionKeys?: readonly (string | Uint8Array)[] | undefined
  /** The entry under this key, unless it has expired. */
  get(key: string): Promise<SharedToken | undefined>
  /**
   * Stores for `expiresInMs`, unless a later lease on this key than the one with this `fence` has been given: a writer
   * who was slow never replaces a newer token.
   */
  set(key: string, token: SharedToken, fence: number): Promise<void>
  /** Deletes the entry if it has this digest. */
  delete(key: string, digest: string): Promise<void>
  /**
   * Gives the lease on this key for a while, if nobody else has it, or prolongs it for who has it.
   *
   * @returns the fence, greater than that of any lease on this key before; `undefined` where another holder has it.
   */
  lease(key: string, holder: string, durationMs: number): Promise<number | undefined>
  /** Gives the lease back, if this holder has it. */
  release(key: string, holder: string): Promise<void>
}

/** An entry of a {@link SharedTokenCache}. */
export interface SharedToken {
  /** Sealed; opaque. */
  readonly value: string
  /** Tells tokens apart, and nothing else. */
  readonly digest: string
  /** How much longer it lives, in ms, so that the clocks of hosts are not compared. */
  readonly expiresInMs: number
}
