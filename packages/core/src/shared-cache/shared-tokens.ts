import { LRUCache } from 'lru-cache'
import type { Credentials } from '../credentials/credentials.js'
import type { McaAuthOptions } from '../options.js'
import type { CachedToken, TokenResponse } from '../provider/access-token.js'
import type { Sealer } from './sealing.js'
import type { SharedTokenCache } from './shared-token-cache.js'

/** Short, for a holder that was killed; a holder that lives prolongs it. */
const leaseMs = 2_000
const pollMs = 60

/** The tokens of a fleet: one process asks for a token, the others wait for it. */
export class SharedTokens {
  readonly #cache: SharedTokenCache
  readonly #secrets: readonly (string | Uint8Array)[]
  /** Client and server: tokens of others are none of ours. */
  readonly #owner: string
  readonly #delayMs: number
  /** Tokens that a resource refused, by key of the token request: found in the cache, they are not taken. */
  readonly #refused: LRUCache<string, string>
  #sealers: readonly Sealer[] | undefined
  #closed = false

  constructor(
    cache: SharedTokenCache,
    secrets: readonly (string | Uint8Array)[],
    owner: string,
    delayMs: number,
    size: number,
  ) {
    this.#cache = cache
    this.#secrets = secrets
    this.#owner = owner
    this.#delayMs = delayMs
    this.#refused = new LRUCache({ max: size })
  }

  /**
   * A token that another process has, or the one that `request` gets. Waits for another process at most until `deadline`
   * (on the clock of `performance.now()`). Whatever fails here, `request` does not.
   */
  async obtain(
    key: string,
    isWanted: (response: TokenResponse) => boolean,
    deadline: number,
    request: () => Promise<TokenResponse>,
  ): Promise<TokenResponse> {
    const visit = new Visit(this.#cache, this.#delayMs)
    let fence: number | undefined
    try {
      for (;;) {
        const found = await this.#find(key, visit)
        if (found !== undefined && isWanted(found)) {
          if (fence !== undefined) visit.leave()
          return found
        }
        // Looked up once more with the lease in hand: another holder may have stored and left in between.
        if (fence !== undefined) break
        if (this.#closed || performance.now() > deadline) return request()
        const [first] = await this.#open()
        fence = await visit.lease((first as Sealer).keyFor(this.#subject(key)))
        if (fence === undefined) await visit.pause()
      }
    } catch {
      visit.leave()
      return request()
    }
    try {
      const response = await request()
      this.#publish(key, response, fence, visit)
      return response
    } catch (error) {
      visit.leave()
      throw error
    }
  }

  /** A resource refused this token: no process is to take it from the cache again. */
  refuse(token: CachedToken): void {
    this.#refused.set(token.key, token.accessToken)
    quietly(() => this.#forget(token.key, token.accessToken))
  }

  /** Ends the waits for other processes. */
  close(): void {
    this.#closed = true
  }

  async #find(key: string, visit: Visit): Promise<TokenResponse | undefined> {
    for (const sealer of await this.#open()) {
      const storageKey = sealer.keyFor(this.#subject(key))
      const entry = await visit.within(this.#cache.get(storageKey))
      const text = entry && sealer.open(storageKey, entry.value)
      const response = entry && text !== undefined ? toResponse(text, entry.expiresInMs) : undefined
      if (response === undefined) continue
      if (response.accessToken !== this.#refused.get(key)) return response
      await visit.within(this.#forget(key, response.accessToken))
    }
    return undefined
  }

  /** Behind the callers: they have their token. */
  #publish(key: string, response: TokenResponse, fence: number, visit: Visit): void {
    const { accessToken, scope, lifetimeMs } = response
    const expiresInMs = Math.floor(response.issuedAt + lifetimeMs - Date.now())
    quietly(async () => {
      const [sealer] = await this.#open()
      if (sealer === undefined || expiresInMs <= 0) return
      const storageKey = sealer.keyFor(this.#subject(key))
      const value = sealer.seal(storageKey, JSON.stringify({ accessToken, scope, lifetimeMs }))
      const token = { value, digest: sealer.digest(accessToken), expiresInMs }
      await visit.within(this.#cache.set(storageKey, token, fence))
    }).then(() => visit.leave())
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

/** @throws TypeError where there is nothing to seal with. */
export function sharedTokens(options: McaAuthOptions, credentials: Credentials): SharedTokens | undefined {
  const { sharedCache, sharedCacheTimeoutMs = 250, cacheSize = 100 } = options
  if (sharedCache === undefined) return undefined
  const { tokenEndpoint, clientId, secret } = credentials
  const secrets = sharedCache.encryptionKeys ?? (typeof secret === 'string' ? [secret] : [])
  if (secrets.length === 0) {
    throw new TypeError(
      '`sharedCache` needs `encryptionKeys`: there is no `secret` of type string to derive a key from',
    )
  }
  return new SharedTokens(sharedCache, secrets, `${tokenEndpoint.href} ${clientId}`, sharedCacheTimeoutMs, cacheSize)
}

/** What one token request does with the cache: no longer than it may, and with a lease that lives as long as it. */
class Visit {
  readonly #cache: SharedTokenCache
  readonly #holder = crypto.randomUUID()
  #leftMs: number
  #leased: string | undefined
  #heartbeat: NodeJS.Timeout | undefined

  constructor(cache: SharedTokenCache, delayMs: number) {
    this.#cache = cache
    this.#leftMs = delayMs
  }

  /** @throws where the cache fails, or all that it does takes longer than it may. */
  async within<T>(work: Promise<T>): Promise<T> {
    const start = performance.now()
    let timer: NodeJS.Timeout | undefined
    try {
      return await Promise.race([
        work,
        new Promise<never>((_, reject) => {
          // One more turn of the event loop: where the process was busy, the answer is there, but unread.
          timer = setTimeout(() => setImmediate(reject, new Error('too slow')), Math.max(1, this.#leftMs))
        }),
      ])
    } finally {
      clearTimeout(timer)
      this.#leftMs -= performance.now() - start
    }
  }

  async lease(storageKey: string): Promise<number | undefined> {
    const fence = await this.within(this.#cache.lease(storageKey, this.#holder, leaseMs))
    if (fence === undefined) return undefined
    this.#leased = storageKey
    const prolong = () => quietly(() => this.#cache.lease(storageKey, this.#holder, leaseMs))
    this.#heartbeat = setInterval(prolong, leaseMs / 4).unref()
    return fence
  }

  leave(): void {
    clearInterval(this.#heartbeat)
    const leased = this.#leased
    this.#leased = undefined
    if (leased !== undefined) quietly(() => this.#cache.release(leased, this.#holder))
  }

  /** Another holder is at it. Spread out, so that a fleet does not look in step. */
  pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, pollMs * (0.5 + Math.random())))
  }
}

/** What is done behind the callers: a cache that fails is passed over, also where it throws at once. */
async function quietly(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch {}
}

/** `undefined` for what another version has written. */
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
