import type { ServerMetadata } from '../credentials/credential-part.js'
import type { Prover } from '../credentials/prover.js'
import { McaAuthError } from '../error.js'
import { reportNonceChallenge } from '../telemetry.js'
import { FailedAttempt, withMessage } from './failed-attempt.js'

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

  /** Takes the failure of its token request. Returns whether the server objects to the proof alone, and has given another nonce. */
  fail(error: unknown): error is FailedAttempt {
    const { error: code, status = 0 } = error instanceof FailedAttempt ? error.error : {}
    const isForNonce = code === 'use_dpop_nonce' || (code === 'invalid_dpop_proof' && this.#hasOther)
    if (isForNonce) reportNonceChallenge(this.#url.origin, status)
    return isForNonce && this.#hasOther
  }
}

/**
 * Chooses how to sign by the metadata of the server.
 *
 * @throws FailedAttempt if no key is made for what it lists.
 */
function chooseAlgorithm(prover: Prover, listed: readonly string[] | undefined): void {
  try {
    prover.choose(listed)
  } catch (error) {
    throw error instanceof McaAuthError ? new FailedAttempt('bad', error) : error
  }
}

/** The failure, with what the server lists if the key's algorithm is not among it. */
function withAlgorithm(error: unknown, { alg = '' }: Prover, listed: readonly string[] | undefined): unknown {
  if (!(error instanceof FailedAttempt) || error.error.error !== 'invalid_dpop_proof') return error
  if (listed === undefined || listed.includes(alg)) return error
  const hint = `proofs are signed with ${alg}, which the server does not list in \`dpop_signing_alg_values_supported\``
  return new FailedAttempt(error.kind, withMessage(error.error, `${error.error.message}; ${hint}`))
}

/**
 * Sends a token request with a proof, if there is a prover, and at once another one if the server wants another nonce: the
 * same attempt, not a failure. All that is presented is written anew, since servers may remember an assertion's id.
 */
export async function sendProven<T>(
  prover: Prover | undefined,
  { token_endpoint: endpoint, dpop_signing_alg_values_supported: listed }: ServerMetadata,
  signal: AbortSignal,
  send: (proof: EndpointProof | undefined) => Promise<T>,
): Promise<T> {
  if (prover === undefined) return send(undefined)
  chooseAlgorithm(prover, listed)
  const proof = new EndpointProof(prover, endpoint)
  try {
    return await send(proof)
  } catch (error) {
    // A fetch that does not listen to its signal may answer when nobody waits any more.
    if (signal.aborted || !proof.fail(error)) throw withAlgorithm(error, prover, listed)
    const second = new EndpointProof(prover, endpoint)
    return send(second).catch((again: unknown) => {
      // It may be rotated at this very moment, or the next request reaches another server: the next attempt may succeed.
      if (second.fail(again)) throw new FailedAttempt('transient', again.error)
      throw withAlgorithm(again, prover, listed)
    })
  }
}
