import { LRUCache } from 'lru-cache'
import { canonical, type OwnerFields, ownerOf } from '../credentials/identity.js'
import type { TokenResponse } from '../token-endpoint/token-response.js'
import { reportCacheFailure } from './cache-failure.js'
import { ignoringErrors, LeaseSession } from './lease-session.js'
import { openToken, sealToken } from './sealed-token.js'
import { createSealer, type Sealer } from './sealing.js'
import type { SharedTokenCache } from './shared-token-cache.js'

/** The options of a coordinator, with all defaults filled in. */
export interface CoordinatorOptions {
  readonly sharedCacheTimeoutMs: number
  /** How many rejected tokens to remember. */
  readonly cacheSize: number
}

/** The wanted token: of the token request with this key, made with the credentials of this owner. */
export interface Wanted {
  readonly key: string
  readonly owner: string
}

/** A token from the token endpoint. `isOwn` is false if it was requested with credentials of another owner. */
interface Requested {
  readonly response: TokenResponse
  readonly isOwn: boolean
}

/** The place where one sealer stores the wanted token. */
interface Place {
  readonly sealer: Sealer
  /** Owner and token request: everything that makes a token different. */
  readonly subject: string
  readonly storageKey: string
}

/** The right to store a token in a place. */
interface Lease {
  readonly place: Place
  readonly fence: number
}

/** Shares tokens between the processes of a fleet: one of them requests a token, and the others wait for it. */
export class SharedCacheCoordinator {
  readonly #cache: SharedTokenCache
  /** The first seals; the others only open older entries. */
  readonly #sealers: readonly Sealer[]
  readonly #credentials: OwnerFields
  readonly #budgetMs: number
  /** The last rejected token of each token request, which is not used if the cache still has it. */
  readonly #rejected: LRUCache<string, string>
  /** The owner of the last requested token, used when a token is rejected. */
  #owner = ''
  #closed = false

  constructor(
    cache: SharedTokenCache,
    sealingKeys: readonly (string | Uint8Array)[],
    credentials: OwnerFields,
    { sharedCacheTimeoutMs, cacheSize }: CoordinatorOptions,
  ) {
    this.#cache = cache
    this.#sealers = sealingKeys.map(createSealer)
    this.#credentials = credentials
    this.#budgetMs = sharedCacheTimeoutMs
    this.#rejected = new LRUCache({ max: cacheSize })
  }

  /**
   * A token from the cache, or the result of `request`. Waits for another process at most until `deadline` (on the
   * clock of `performance.now()`). A failure of the cache never fails the token request.
   */
  async findOrRequest(
    wanted: Wanted,
    isFreshEnough: (response: TokenResponse) => boolean,
    deadline: number,
    request: () => Promise<Requested>,
  ): Promise<TokenResponse> {
    this.#owner = wanted.owner
    const session = new LeaseSession(this.#cache, this.#budgetMs)
    const search = await this.#search(wanted, isFreshEnough, deadline, session)
    if ('found' in search) return search.found
    try {
      const { response, isOwn } = await request()
      if (search.lease !== undefined && isOwn) this.#publish(search.lease, response, session)
      else session.release()
      return response
    } catch (error) {
      session.release()
      throw error
    }
  }

  /** A token, or the lease to request one; neither if the cache has failed or the time is up. */
  async #search(
    wanted: Wanted,
    isFreshEnough: (response: TokenResponse) => boolean,
    deadline: number,
    session: LeaseSession,
  ): Promise<{ readonly found: TokenResponse } | { readonly lease?: Lease }> {
    try {
      const places = this.#placesOf(wanted)
      const place = places[0] as Place
      let fence: number | undefined
      for (;;) {
        const found = await this.#find(wanted.key, places, session)
        if (found !== undefined && isFreshEnough(found)) {
          session.release()
          return { found }
        }
        // Looked up again after the lease was acquired: its last holder may have stored a token in between.
        if (fence !== undefined) return { lease: { place, fence } }
        if (this.#closed || performance.now() > deadline) return {}
        fence = await session.acquire(place.storageKey)
        if (fence === undefined) await session.pause()
      }
    } catch (error) {
      reportCacheFailure(error)
      session.release()
      return {}
    }
  }

  /** A resource rejected this token: no process should take it from the cache again. */
  reject(key: string, accessToken: string): void {
    this.#rejected.set(key, accessToken)
    const forget = async () => this.#forget(this.#placesOf({ key, owner: this.#owner }), accessToken)
    ignoringErrors(forget, reportCacheFailure)
  }

  /** Ends the waits for other processes. */
  close(): void {
    this.#closed = true
  }

  async #find(key: string, places: readonly Place[], session: LeaseSession): Promise<TokenResponse | undefined> {
    for (const { sealer, storageKey, subject } of places) {
      const entry = await session.within(this.#cache.get(storageKey))
      const response = entry && openToken(sealer, storageKey, subject, entry)
      if (response === undefined) continue
      if (response.accessToken !== this.#rejected.get(key)) return response
      await session.within(this.#forget(places, response.accessToken))
    }
    return undefined
  }

  /** In the background: the callers have their token. */
  #publish({ place, fence }: Lease, response: TokenResponse, session: LeaseSession): void {
    const { sealer, storageKey, subject } = place
    ignoringErrors(async () => {
      const token = sealToken(sealer, storageKey, subject, response)
      if (token.expiresInMs > 0) await session.within(this.#cache.set(storageKey, token, fence))
    }, reportCacheFailure).then(() => session.release())
  }

  async #forget(places: readonly Place[], accessToken: string): Promise<void> {
    for (const { sealer, storageKey } of places) await this.#cache.delete(storageKey, sealer.digest(accessToken))
  }

  /** The places where the token may be: under the first key, and under older ones. */
  #placesOf({ key, owner }: Wanted): readonly Place[] {
    return this.#sealers.map((sealer) => {
      const digest = sealer.credentialDigest(owner)
      const subject = canonical([ownerOf(this.#credentials, digest), key])
      return { sealer, subject, storageKey: sealer.keyFor(subject) }
    })
  }
}
