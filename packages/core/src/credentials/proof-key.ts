import { createHash, createPublicKey, type JsonWebKey, type KeyObject, randomUUID } from 'node:crypto'
import { signByKeyObject } from './private-key-signature.js'

/** Claims of a proof besides the time and the request (RFC 9449 §4.2). */
export interface ProofDetails {
  /** Digest of the access token that is sent with it, if there is one. */
  readonly ath?: string | undefined
  readonly nonce?: string | undefined
}

/** The key that tokens are bound to, and the proofs that it signs. Synchronous: clients sign while they send. */
export class ProofKey {
  /** RFC 7638: identifies the key, and reveals nothing about its private part. */
  readonly thumbprint: string
  readonly alg: string
  readonly #key: KeyObject
  /** The JOSE header, encoded: the same in all proofs. */
  readonly #header: string

  constructor(key: KeyObject, alg: string) {
    this.#key = key
    this.alg = alg
    // Node.js exports only those members of a public key that its thumbprint is made of (RFC 7638 §3.2).
    const jwk = createPublicKey(key as Parameters<typeof createPublicKey>[0]).export({ format: 'jwk' })
    this.#header = encode(JSON.stringify({ typ: 'dpop+jwt', alg, jwk }))
    this.thumbprint = createHash('sha256')
      .update(JSON.stringify(sorted(jwk)))
      .digest('base64url')
  }

  /** A proof for one sending (RFC 9449 §4.2). `now`: by the authorization server's clock, in ms since the epoch. */
  prove({ origin, pathname }: URL, method: string, now: number, { ath, nonce }: ProofDetails): string {
    const [jti, iat] = [randomUUID(), Math.floor(now / 1000)]
    // Without query and fragment.
    const claims = encode(JSON.stringify({ jti, htm: method, htu: `${origin}${pathname}`, iat, ath, nonce }))
    const data = `${this.#header}.${claims}`
    return `${data}.${signByKeyObject(this.#key, this.alg, Buffer.from(data)).toString('base64url')}`
  }
}

function sorted(jwk: JsonWebKey): object {
  return Object.fromEntries(Object.entries(jwk).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}
