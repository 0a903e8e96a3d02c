import { LRUCache } from 'lru-cache'
import type { Credentials } from '../credentials/credentials.js'
import type { TokenResponse } from '../token-endpoint/token-response.js'
import { ignoringErrors, LeaseSession } from './lease-session.js'
import type { Sealer } from './sealing.js'
import type { SharedTokenCache } from './shared-token-cache.js'

/** What a coordinator needs to know, with all defaults filled in. */
export interface CoordinatorOptions {
  readonly sharedCache?: SharedTokenCache | undefined
  readonly sharedCacheTimeoutMs: number
  /** How many rejected tokens to remember. */
  readonly cacheSize: number
}

/** Shares tokens between the processes of a fleet: one of them requests a token, the others wait for it. */
export class SharedCacheCoordinator {
  readonly #cache: SharedTokenCache
  readonly #secrets: readonly (string | Uint8Array)[]
  /** Identifies client and server, so that tokens belonging to others are never used. */
  readonly #owner: string
  readonly #budgetMs: number
  /** The last rejected token of each token request: found in the cache, it is not used. */
  readonly #rejected: LRUCache<string, string>
  #sealers: readonly Sealer[] | undefined
  #closed = false

  constructor(
    cache: SharedTokenCache,
    secrets: readonly (string | Uint8Array)[],
    owner: string,
    budgetMs: number,
    size: number,
  ) {
    this.#cache = cache
    this.#secrets = secrets
    this.#owner = owner
    this.#budgetMs = budgetMs
    this.#rejected = new LRUCache({ max: size })
  }

  /**
   * A token from the cache, or the one that `request` gets. Waits for another process at most until `deadline` (on the
   * clock of `performance.now()`). A failure of the cache is never one of the token request.
   */
  async obtain(
    key: string,
    isWanted: (response: TokenResponse) => boolean,
    deadline: number,
    request: () => Promise<TokenResponse>,
  ): Promise<TokenResponse> {
    const session = new LeaseSession(this.#cache, this.#budgetMs)
    let fence: number | undefined
    try {
      for (;;) {
        const found = await this.#find(key, session)
        if (found !== undefined && isWanted(found)) {
          if (fence !== undefined) session.release()
          return found
        }
        // Looked up again with the lease in hand: another holder may have stored and left in between.
        if (fence !== undefined) break
        if (this.#closed || performance.now() > deadline) return request()
        const [first] = await this.#open()
        fence = await session.acquire((first as Sealer).keyFor(this.#subject(key)))
        if (fence === undefined) await session.pause()
      }
    } catch {
      session.release()
      return request()
    }
    try {
      const response = await request()
      this.#publish(key, response, fence, session)
      return response
    } catch (error) {
      session.release()
      throw error
    }
  }

  /** A resource rejected this token: no process should take it from the cache again. */
  reject(key: string, accessToken: string): void {
    this.#rejected.set(key, accessToken)
    ignoringErrors(() => this.#forget(key, accessToken))
  }

  /** Ends the waits for other processes. */
  close(): void {
    this.#closed = true
  }

  async #find(key: string, session: LeaseSession): Promise<TokenResponse | undefined> {
    for (const sealer of await this.#open()) {
      const storageKey = sealer.keyFor(this.#subject(key))
      const entry = await session.within(this.#cache.get(storageKey))
      const text = entry && sealer.open(storageKey, entry.value)
      const response = entry && text !== undefined ? toResponse(text, entry.expiresInMs) : undefined
      if (response === undefined) continue
      if (response.accessToken !== this.#rejected.get(key)) return response
      await session.within(this.#forget(key, response.accessToken))
    }
    return undefined
  }

  /** In the background: the callers have their token. */
  #publish(key: string, response: TokenResponse, fence: number, session: LeaseSession): void {
    const { accessToken, scope, lifetimeMs } = response
    const expiresInMs = Math.floor(response.issuedAt + lifetimeMs - Date.now())
    ignoringErrors(async () => {
      const [sealer] = await this.#open()
      if (sealer === undefined || expiresInMs <= 0) return
      const storageKey = sealer.keyFor(this.#subject(key))
      const value = sealer.seal(storageKey, JSON.stringify({ accessToken, scope, lifetimeMs }))
      const token = { value, digest: sealer.digest(accessToken), expiresInMs }
      await session.within(this.#cache.set(storageKey, token, fence))
    }).then(() => session.release())
  }

  async #forget(key: string, accessToken: string): Promise<void> {
    for (const sealer of await this.#open()) {
      await this.#cache.delete(sealer.keyFor(this.#subject(key)), sealer.digest(accessToken))
    }
  }

  #subject(key: string): string {
    return `${this.#owner} ${key}`
  }

  /** `node:crypto` is loaded by the first token request, not before. */
  async #open(): Promise<readonly Sealer[]> {
    if (this.#sealers === undefined) {
      const { createSealer } = await import('./sealing.js')
      this.#sealers ??= this.#secrets.map(createSealer)
    }
    return this.#sealers
  }
}

/** @throws TypeError if there is nothing to seal with. */
export function createCoordinator(
  { sharedCache, sharedCacheTimeoutMs, cacheSize }: CoordinatorOptions,
  { tokenEndpoint, clientId, secret }: Credentials,
): SharedCacheCoordinator | undefined {
  if (sharedCache === undefined) return undefined
  const secrets = sharedCache.encryptionKeys ?? (typeof secret === 'string' ? [secret] : [])
  if (secrets.length === 0) {
    throw new TypeError(
      '`sharedCache` needs `encryptionKeys`: there is no `secret` of type string to derive a key from',
    )
  }
  const owner = `${tokenEndpoint.href} ${clientId}`
  return new SharedCacheCoordinator(sharedCache, secrets, owner, sharedCacheTimeoutMs, cacheSize)
}

/** `undefined` for the text of another version. */
function toResponse(text: string, expiresInMs: number): TokenResponse | undefined {
  try {
    const { accessToken, scope, lifetimeMs } = JSON.parse(text) as Record<string, unknown>
    if (typeof accessToken !== 'string' || typeof lifetimeMs !== 'number' || !(expiresInMs > 0)) return undefined
    const known = typeof scope === 'string' ? scope : undefined
    return { accessToken, scope: known, lifetimeMs, issuedAt: Date.now() - (lifetimeMs - expiresInMs) }
  } catch {
    return undefined
  }
}
