import type { ConnectionCertificate } from '../credentials/credential-part.js'
import type { ProvidedToken } from '../provider/provider-internals.js'
import { reportNonceChallenge } from '../telemetry.js'
import { proofErrorsIn, rejectsToken, scopeChallengeIn } from './challenge.js'
import type { ClientRules } from './client-rules.js'
import type { ResponseDetails } from './response-details.js'
import { headerValues, type ResponseHeaders } from './response-headers.js'
import type { AuthorizationHeaders, Sending, Verdict } from './sending.js'
import { StepUp } from './step-up.js'
import type { RequestToken, TokenChoice } from './token-choice.js'

/** The proof of one sending, with a token that is bound to a key. */
interface CarriedProof {
  readonly nonce: string | undefined
  /** Whether it took the place of one that the server rejected. */
  readonly isReplacement: boolean
  /** Whether the server has rejected it, and the next sending carries the same token. */
  isToBeReplaced: boolean
}

/** A token was rejected, or only a proof, or more scope is wanted. */
type ResendReason = 'rejected' | 'proof' | 'scope'

/** The token that a request carries, from one sending to the next: what a rejection means, and what a resend carries. */
export class TokenUse {
  readonly #rules: ClientRules
  readonly #choice: TokenChoice
  readonly #signal: AbortSignal | undefined
  /** What the last sending carried. */
  #token: RequestToken | undefined
  /** What the resend will carry, and why, until it is sent. */
  #next: { readonly token: ProvidedToken; readonly reason: ResendReason } | undefined
  /** Why the last sending was a resend, if it was one. */
  #resent: ResendReason | undefined
  /** Why no resend is left: it was used, or the request may have been applied before a redirect that we did not see. */
  spentBy: 'resend' | 'redirect' | undefined
  /** Of the last sending, if its token is bound to a key. */
  #proof: CarriedProof | undefined
  /** Made by a challenge for more scope. */
  #stepUp: StepUp | undefined

  constructor(rules: ClientRules, choice: TokenChoice, signal: AbortSignal | undefined) {
    this.#rules = rules
    this.#choice = choice
    this.#signal = signal
  }

  /** What the connection of the last sending to this origin needs: it goes with the token. Without TLS there is none. */
  certificateAt(origin: string | undefined): ConnectionCertificate | undefined {
    const token = this.#token
    if (token === undefined) return undefined
    const certificate = 'key' in token ? token.certificate : this.#rules.provider.certificates?.last
    return certificate !== undefined && origin?.startsWith('https:') ? certificate : undefined
  }

  /** Takes over what is spent. */
  inherit(before: TokenUse): void {
    this.spentBy = before.spentBy
    if (before.#stepUp !== undefined) this.#stepUp = new StepUp(this.#rules, this.#choice, this.#signal, before.#stepUp)
  }

  /** A new sending begins. Returns what the one before carried. */
  start(): RequestToken | undefined {
    const previous = this.#token
    this.#token = undefined
    return previous
  }

  /** The token that the next sending should carry, if one is available without waiting. */
  take(): RequestToken | undefined {
    const next = this.#next
    this.#next = undefined
    // Another proof for the same token changes nothing of what it is.
    if (this.#proof?.isToBeReplaced !== true) this.#resent = next?.reason
    return next?.token ?? this.#choice.take()
  }

  carry(token: RequestToken, { url, method }: Sending, origin: string): AuthorizationHeaders {
    this.#token = token
    const binding = bindingOf(token)
    if (binding === undefined) return { authorization: token.header }
    const { proof, nonce } = binding.prove(url, method, origin)
    this.#proof = { nonce, isReplacement: this.#proof?.isToBeReplaced === true, isToBeReplaced: false }
    return { authorization: token.header, dpop: proof }
  }

  /** Takes the nonce of a response on the way. */
  learn(headers: ResponseHeaders, origin: string): void {
    bindingOf(this.#token)?.learnNonce(origin, headerValues(headers, 'dpop-nonce')[0])
  }

  /** What the response to the last sending means; `origin` is where that was sent. */
  evaluate(
    status: number,
    headers: ResponseHeaders,
    details: ResponseDetails,
    sending: Sending,
    origin: string,
  ): Verdict | Promise<Verdict> {
    const token = this.#token
    // An incoming token has no key, and cannot be replaced.
    if (token === undefined || !('key' in token)) return 'deliver'
    const { binding } = token
    // `Age` says that a cache answered (RFC 9111 §5.1).
    const isFromCache = () => details.fromCache === true || headerValues(headers, 'age').length > 0
    if (binding !== undefined && !isFromCache()) {
      const [nonce] = headerValues(headers, 'dpop-nonce')
      const isNew = binding.learnNonce(origin, nonce) && nonce !== this.#proof?.nonce
      const errors = proofErrorsIn(status, challenges(headers))
      if (errors.length > 0) {
        if (isNew || errors.includes('use_dpop_nonce')) reportNonceChallenge(origin, status)
        return this.#proveAgain(token, isNew && details.replayable === true)
      }
    }
    const resent = this.#resent
    this.#resent = undefined
    const scheme = binding === undefined ? 'bearer' : 'dpop'
    const isChallenge = status === 401 || status === 403
    if (isChallenge && rejectsToken(status, challenges(headers), scheme)) {
      return resent === 'rejected' || isFromCache() ? 'deliver' : this.#reject(token, origin, details)
    }
    if (resent === 'rejected') this.#rules.budget.giveBack(token.key, origin)
    const challenge = isChallenge ? scopeChallengeIn(status, challenges(headers), scheme) : undefined
    this.#stepUp?.settle(status !== 403 && challenge === undefined)
    if (challenge === undefined || this.spentBy === 'redirect' || !this.#rules.mayStepUp(origin) || isFromCache()) {
      return 'deliver'
    }
    this.#stepUp ??= new StepUp(this.#rules, this.#choice, this.#signal)
    return this.#resendWider(this.#stepUp.tokenAfter(challenge, sending, origin, token, details.replayable === true))
  }

  /** Drops the rejected token, and replaces it if the request can be sent again. */
  #reject(token: ProvidedToken, origin: string, { replayable }: ResponseDetails): Verdict | Promise<Verdict> {
    const { provider, budget } = this.#rules
    if (provider.isCurrent(token)) {
      if (!budget.take(token.key, origin)) return 'deliver'
      provider.reject(token, origin)
    }
    return replayable === true && this.spentBy === undefined ? this.#replace(token) : 'deliver'
  }

  /**
   * The server has not looked at the token, nor carried the request out: the same again with its nonce. Once, for a server
   * that wants another one each time would never be satisfied. Costs no refresh, and no resend with another token.
   */
  #proveAgain(token: ProvidedToken, hasNonce: boolean): Verdict {
    const proof = this.#proof
    if (!hasNonce || proof === undefined || proof.isReplacement || this.spentBy === 'redirect') return 'deliver'
    proof.isToBeReplaced = true
    this.#next = { token, reason: 'proof' }
    return 'resend'
  }

  /** Does not use up the resend that a rejected token may need. */
  #resendWider(token: ProvidedToken | undefined | Promise<ProvidedToken | undefined>): Verdict | Promise<Verdict> {
    if (token instanceof Promise) return token.then((acquired) => this.#resendWider(acquired))
    if (token === undefined) return 'deliver'
    this.#next = { token, reason: 'scope' }
    return 'resend'
  }

  /** Gets another token than the rejected one, if one is available. If not, the 401 says more than our error. */
  #replace(rejected: ProvidedToken): Verdict | Promise<Verdict> {
    const resendWith = (token: ProvidedToken): Verdict => {
      if (token.header === rejected.header) return 'deliver'
      this.#next = { token, reason: 'rejected' }
      this.spentBy = 'resend'
      return 'resend'
    }
    const signal = this.#signal
    const available = this.#choice.take() as ProvidedToken | undefined
    if (available !== undefined) return resendWith(available)
    return this.#choice.acquire(signal).then(
      (token) => resendWith(token as ProvidedToken),
      (error) => {
        if (signal?.aborted) throw error
        return 'deliver'
      },
    )
  }
}

function bindingOf(token: RequestToken | undefined) {
  return token !== undefined && 'binding' in token ? token.binding : undefined
}

function challenges(headers: ResponseHeaders): string[] {
  return headerValues(headers, 'www-authenticate')
}
