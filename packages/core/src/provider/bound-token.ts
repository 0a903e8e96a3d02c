import type { BoundKey } from '../credentials/bound-key.js'
import type { ConnectionCertificate } from '../credentials/credential-part.js'
import { digestOf, Prover } from '../credentials/prover.js'
import type { ServerClock } from '../credentials/server-clock.js'
import { McaAuthError } from '../error.js'
import type { TokenResponse } from '../token-endpoint/token-response.js'
import { CachedToken } from './access-token.js'
import type { Proof, TokenBinding } from './provider-internals.js'
import type { ResolvedRefreshPolicy } from './refresh-policy.js'

export function createProver(key: BoundKey | true, clock: ServerClock): Prover {
  return new Prover(key, clock)
}

/** A token that is bound to a key (RFC 9449): each sending needs its own proof. */
export class BoundToken extends CachedToken implements TokenBinding {
  readonly #prover: Prover
  readonly #digest: string

  constructor(
    prover: Prover,
    key: string,
    response: TokenResponse,
    now: number,
    refresh: ResolvedRefreshPolicy,
    jitter: number,
    certificate?: ConnectionCertificate,
  ) {
    super(key, response, now, refresh, jitter, certificate, 'DPoP')
    this.#prover = prover
    this.#digest = digestOf(response.accessToken)
  }

  override get binding(): TokenBinding {
    return this
  }

  prove(url: string | URL | undefined, method: string, origin: string): Proof {
    if (url === undefined) throw new McaAuthError('MISSING_ORIGINS', 'a client that hides its URL cannot use `dpop`')
    const nonce = this.#prover.nonceOf('resource', origin)
    return { proof: this.#prover.prove(new URL(url), method, nonce, this.#digest), nonce }
  }

  learnNonce(origin: string, nonce: string | undefined): boolean {
    return this.#prover.learnNonce('resource', origin, nonce)
  }
}
