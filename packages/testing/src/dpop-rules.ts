import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from 'jose'

/**
 * How far the time of a proof may be off, in seconds. 5 is the default of mod_oauth2, the strictest server that was found
 * (Keycloak allows 25, others 300): a proof that passes here passes there.
 */
const toleranceSeconds = 5

/** A request that should carry a proof. */
export interface ProvenRequest {
  /** As sent, e.g. `POST`. */
  readonly method: string
  /** Absolute. */
  readonly url: string
  /** The header `DPoP`: several if it was sent several times. */
  readonly proof: string | string[] | undefined
  /** The token that the proof must be for. */
  readonly accessToken?: string | undefined
}

/** The verdict on a proof: the thumbprint of its key, or the error to respond with. */
export type ProofVerdict =
  | { readonly thumbprint: string }
  | { readonly error: 'invalid_dpop_proof' | 'use_dpop_nonce'; readonly description: string }

/** The rules of a server for proofs of possession (DPoP, RFC 9449 §4.3), and the nonces that it has issued. */
export class DpopRules {
  /** Whether a proof must have a nonce of this server. */
  demandsNonce = false
  /** The claims of the accepted proofs, oldest first. */
  readonly proofs: Readonly<Record<string, unknown>>[] = []
  readonly #ids = new Set<string>()
  #nonce = newNonce()
  /** Older nonces that are still valid. */
  readonly #older = new Set<string>()

  /** The current nonce. */
  get currentNonce(): string {
    return this.#nonce
  }

  /** Issues a new nonce from now on, and accepts no older one. */
  rotateNonce(): void {
    this.#nonce = newNonce()
    this.forgetOlderNonces()
  }

  /** Issues a new nonce with the next response, and still accepts the one before. */
  offerNonce(): void {
    this.#older.add(this.#nonce)
    this.#nonce = newNonce()
  }

  /** Accepts only the current nonce. */
  forgetOlderNonces(): void {
    this.#older.clear()
  }

  /** Headers for a response to a proof. */
  headersFor({ proof }: Pick<ProvenRequest, 'proof'>): Readonly<Record<string, string>> {
    const isCurrent = typeof proof === 'string' && claimsOf(proof).nonce === this.#nonce
    return this.demandsNonce && !isCurrent ? { 'dpop-nonce': this.#nonce } : {}
  }

  /** All checks of RFC 9449 §4.3. */
  async check({ method, url, proof, accessToken }: ProvenRequest): Promise<ProofVerdict> {
    const invalid = (description: string) => ({ error: 'invalid_dpop_proof', description }) as const
    if (typeof proof !== 'string') return invalid('exactly one DPoP header is required')
    let claims: Record<string, unknown>
    let jwk: JWK | undefined
    try {
      const verified = await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
      })
      claims = verified.payload
      jwk = verified.protectedHeader.jwk
    } catch (error) {
      return invalid(`the proof is not valid: ${(error as Error).message}`)
    }
    const { jti, htm, htu, iat, ath, nonce } = claims
    if (jwk === undefined || 'd' in jwk) return invalid('the key must be a public key')
    if (htm !== method) return invalid(`htm is ${htm}, not ${method}`)
    if (htu !== withoutQuery(url)) return invalid(`htu is ${htu}, not ${withoutQuery(url)}`)
    const digest = accessToken && createHash('sha256').update(accessToken).digest('base64url')
    if (ath !== digest) return invalid('ath is not the digest of the token')
    // `iat` and the `Date` by which a client corrects its clock are whole seconds: one more may be lost on the way.
    if (typeof iat !== 'number' || Math.abs(Date.now() / 1000 - iat) > toleranceSeconds + 1)
      return invalid('iat is off')
    if (this.demandsNonce && nonce !== this.#nonce && !this.#older.has(String(nonce))) {
      return { error: 'use_dpop_nonce', description: 'the proof needs the nonce of this server' }
    }
    if (typeof jti !== 'string' || this.#ids.has(jti)) return invalid('the proof was used before')
    this.#ids.add(jti)
    this.proofs.push(claims)
    return { thumbprint: await calculateJwkThumbprint(jwk) }
  }
}

function newNonce(): string {
  return `not-a-real-nonce-${randomUUID()}`
}

function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

/** The claims of a proof, which may be malformed. */
function claimsOf(proof: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString('utf8'))
  } catch {
    return {}
  }
}
