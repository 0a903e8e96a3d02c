import type { ServerMetadata } from '../credentials/credential-part.js'
import type { Prover } from '../credentials/prover.js'
import { McaAuthError } from '../error.js'
import { reportNonceChallenge } from '../telemetry.js'
import { FailedAttempt, withMessage } from './failed-attempt.js'

/** The proof of one token request (RFC 9449 §5), and the nonce of its response. */
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

  /** Records the failure of its token request. Returns whether the server rejects only the proof, and has sent a new nonce. */
  fail(error: unknown): error is FailedAttempt {
    const { error: code, status = 0 } = error instanceof FailedAttempt ? error.error : {}
    const isForNonce = code === 'use_dpop_nonce' || (code === 'invalid_dpop_proof' && this.#hasOther)
    if (isForNonce) reportNonceChallenge(this.#url.origin, status)
    return isForNonce && this.#hasOther
  }
}

/**
 * Chooses the algorithm of proofs from the metadata of the server.
 *
 * @throws FailedAttempt if no key can be generated for a listed algorithm.
 */
function chooseAlgorithm(prover: Prover, listed: readonly string[] | undefined): void {
  try {
    prover.choose(listed)
  } catch (error) {
    throw error instanceof McaAuthError ? new FailedAttempt('bad', error) : error
  }
}

/** The failure, with the server's list of algorithms if the key's algorithm is not in it. */
function withAlgorithm(error: unknown, { alg = '' }: Prover, listed: readonly string[] | undefined): unknown {
  if (!(error instanceof FailedAttempt) || error.error.error !== 'invalid_dpop_proof') return error
  if (listed === undefined || listed.includes(alg)) return error
  const hint = `proofs are signed with ${alg}, which the server does not list in \`dpop_signing_alg_values_supported\``
  return new FailedAttempt(error.kind, withMessage(error.error, `${error.error.message}; ${hint}`))
}

/**
 * Sends a token request with a proof, if there is a prover, and at once another one if the server demands a new nonce: this
 * is the same attempt, not a failure. Assertions are created again too, since servers may remember their ids.
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
    // A fetch that ignores its signal may respond when no caller waits any more.
    if (signal.aborted || !proof.fail(error)) throw withAlgorithm(error, prover, listed)
    const second = new EndpointProof(prover, endpoint)
    return send(second).catch((again: unknown) => {
      // The nonce may be rotated at this moment, or the next request may reach another server: the next attempt may succeed.
      if (second.fail(again)) throw new FailedAttempt('transient', again.error)
      throw withAlgorithm(again, prover, listed)
    })
  }
}
