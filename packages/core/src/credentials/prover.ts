import { createHash, generateKeyPairSync } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { McaAuthError } from '../error.js'
import type { BoundKey } from './bound-key.js'
import { ProofKey } from './proof-key.js'
import type { ServerClock } from './server-clock.js'

const maxOrigins = 1000
/** A nonce consists of the characters of RFC 9449 §8.1. A longer one is ignored. */
const nonceForm = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/

/** The kinds of servers with nonces: an authorization server and a resource on one origin have different ones (RFC 9449 §8, §9). */
export type NonceRole = 'authorization-server' | 'resource'

/**
 * Proves possession of the key that the tokens of one provider are bound to (RFC 9449), at the token endpoint and at
 * resources. Keeps the latest nonce of each origin, which every response may change.
 */
export class Prover {
  /** Identifies a given key. A generated key needs no name, since no other process has its tokens. */
  readonly thumbprint: string | undefined
  readonly #given: BoundKey | true
  #key: ProofKey | undefined
  readonly #clock: ServerClock
  readonly #nonces: Readonly<Record<NonceRole, LRUCache<string, string>>> = {
    'authorization-server': new LRUCache({ max: maxOrigins }),
    resource: new LRUCache({ max: maxOrigins }),
  }

  constructor(given: BoundKey | true, clock: ServerClock) {
    this.#given = given
    this.#clock = clock
    if (given === true) return
    this.#key = new ProofKey(given.key, given.algorithms[0] as string)
    this.thumbprint = this.#key.thumbprint
  }

  /** The algorithm of its proofs. */
  get alg(): string | undefined {
    return this.#key?.alg
  }

  /**
   * Chooses the algorithm from the authorization server's list (RFC 9449 §5.1), before the first proof. A given key signs
   * in any case, if possible with one of its algorithms that is listed, since the list may be wrong. Otherwise, a key is
   * generated once, since cached tokens are bound to it.
   *
   * @throws McaAuthError if we cannot generate a key for any of the listed algorithms.
   */
  choose(listed: readonly string[] | undefined): void {
    const given = this.#given
    if (given === true) {
      this.#key ??= madeKey(listed)
      return
    }
    const { key, algorithms } = given
    const alg = algorithms.find((one) => listed?.includes(one)) ?? (algorithms[0] as string)
    if (alg !== this.#key?.alg) this.#key = new ProofKey(key, alg)
  }

  /** @param ath - see {@link digestOf}; `undefined` in a token request. */
  prove(url: URL, method: string, nonce: string | undefined, ath?: string): string {
    this.#key ??= madeKey(undefined)
    return this.#key.prove(url, method, this.#clock.now(), { ath, nonce })
  }

  nonceOf(role: NonceRole, origin: string): string | undefined {
    return this.#nonces[role].get(origin)
  }

  /** Records the `DPoP-Nonce` of a response: the latest one counts. Returns whether it is a nonce. */
  learnNonce(role: NonceRole, origin: string, nonce: string | null | undefined): nonce is string {
    if (typeof nonce !== 'string' || !nonceForm.test(nonce)) return false
    this.#nonces[role].set(origin, nonce)
    return true
  }
}

/** ES256, which nearly every server accepts, even without a list; else Ed25519, which has two names (RFC 9864). */
function madeKey(listed: readonly string[] = []): ProofKey {
  const alg = ['ES256', 'EdDSA', 'Ed25519'].find((one) => listed.length === 0 || listed.includes(one))
  if (alg === 'ES256') return new ProofKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, alg)
  if (alg !== undefined) return new ProofKey(generateKeyPairSync('ed25519').privateKey, alg)
  throw new McaAuthError(
    'INVALID_CREDENTIALS_SOURCE',
    `the server accepts proofs signed with ${printable(listed)}, for which \`dpop: true\` cannot generate a key: give one as \`dpop\``,
  )
}

/** A server's names of algorithms, safe for a log. */
function printable(names: readonly string[]): string {
  const known = names.filter((name) => /^[\w-]{1,20}$/.test(name)).slice(0, 10)
  return known.length === 0 ? 'no known algorithm' : known.join(', ')
}

/** The digest of a token that a proof for it carries (RFC 9449 §4.2). */
export function digestOf(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url')
}
