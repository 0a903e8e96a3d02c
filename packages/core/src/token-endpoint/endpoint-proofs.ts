import type { Prover } from '../credentials/prover.js'
import { FailedAttempt } from './failed-attempt.js'

/** The proof of one token request (RFC 9449 §5), and what its response says of the nonce. */
export class EndpointProof {
  readonly #prover: Prover
  readonly #url: URL
  readonly #nonce: string | undefined
  #hasOther = false

  constructor(prover: Prover, endpoint: string) {
    this.#prover = prover
    this.#url = new URL(endpoint)
    this.#nonce = prover.nonceOf('authorization-server', this.#url.origin)
  }

  headers(): { readonly dpop: string } {
    return { dpop: this.#prover.prove(this.#url, 'POST', this.#nonce) }
  }

  /** A nonce may come with any response (RFC 9449 §8.2). */
  observe({ headers }: Response): void {
    const nonce = headers.get('dpop-nonce')
    const isNonce = this.#prover.learnNonce('authorization-server', this.#url.origin, nonce)
    this.#hasOther = isNonce && nonce !== this.#nonce
  }

  /** Whether the server objects to the proof alone, and has given another nonce for the next one. */
  deservesAnother(error: unknown): error is FailedAttempt {
    const { error: code } = error instanceof FailedAttempt ? error.error : {}
    return this.#hasOther && (code === 'use_dpop_nonce' || code === 'invalid_dpop_proof')
  }
}

/**
 * Sends a token request with a proof, if there is a prover, and at once another one if the server wants another nonce: the
 * same attempt, not a failure. All that is presented is written anew, since servers may remember an assertion's id.
 */
export async function sendProven<T>(
  prover: Prover | undefined,
  endpoint: string,
  signal: AbortSignal,
  send: (proof: EndpointProof | undefined) => Promise<T>,
): Promise<T> {
  if (prover === undefined) return send(undefined)
  const proof = new EndpointProof(prover, endpoint)
  try {
    return await send(proof)
  } catch (error) {
    // A fetch that does not listen to its signal may answer when nobody waits any more.
    if (signal.aborted || !proof.deservesAnother(error)) throw error
    const second = new EndpointProof(prover, endpoint)
    return send(second).catch((again: unknown) => {
      // It may be rotated at this very moment, or the next request reaches another server: the next attempt may succeed.
      throw second.deservesAnother(again) ? new FailedAttempt('transient', again.error) : again
    })
  }
}
