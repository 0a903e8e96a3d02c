import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { BoundKey } from './bound-key.js'
import { ProofKey } from './proof-key.js'
import type { ServerClock } from './server-clock.js'

const maxOrigins = 1000
/** A nonce is of the characters of RFC 9449 §8.1; anything longer is none that we would want to carry. */
const nonceForm = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/

/** Who may ask for a nonce: on one origin, an authorization server and a resource have nonces of their own (RFC 9449 §8, §9). */
export type NonceRole = 'authorization-server' | 'resource'

/**
 * Proves possession of the key that the tokens of one provider are bound to (RFC 9449), at the token endpoint and at
 * resources. It knows the newest nonce of each origin, which every response may change.
 */
export class Prover {
  /** Names the key. */
  readonly thumbprint: string
  readonly #key: ProofKey
  readonly #clock: ServerClock
  readonly #nonces: Readonly<Record<NonceRole, LRUCache<string, string>>> = {
    'authorization-server': new LRUCache({ max: maxOrigins }),
    resource: new LRUCache({ max: maxOrigins }),
  }

  constructor(key: BoundKey | true, clock: ServerClock) {
    this.#key = new ProofKey(key)
    this.thumbprint = this.#key.thumbprint
    this.#clock = clock
  }

  /** @param ath - see {@link digestOf}; `undefined` in a token request. */
  prove(url: URL, method: string, nonce: string | undefined, ath?: string): string {
    return this.#key.prove(url, method, this.#clock.now(), { ath, nonce })
  }

  nonceOf(role: NonceRole, origin: string): string | undefined {
    return this.#nonces[role].get(origin)
  }

  /** Takes the `DPoP-Nonce` of a response: the newest one counts. Returns whether it is a nonce. */
  learnNonce(role: NonceRole, origin: string, nonce: string | null | undefined): nonce is string {
    if (typeof nonce !== 'string' || !nonceForm.test(nonce)) return false
    this.#nonces[role].set(origin, nonce)
    return true
  }
}

/** The digest of a token that a proof for it carries (RFC 9449 §4.2). */
export function digestOf(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url')
}
