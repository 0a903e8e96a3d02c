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
  /** Whether it replaced one that the server rejected. */
  readonly isReplacement: boolean
  /** Whether the server has rejected it, and the next sending carries the same token. */
  isToBeReplaced: boolean
}

/** A token was rejected, or only a proof, or more scope is demanded. */
type ResendReason = 'rejected' | 'proof' | 'scope'

/** The token of a request over all its sendings. Decides what a rejection means, and which token a resend carries. */
export class TokenUse {
  readonly #rules: ClientRules
  readonly #choice: TokenChoice
  readonly #signal: AbortSignal | undefined
  /** The token of the last sending. */
  #token: RequestToken | undefined
  /** The token of the resend and its reason, until it is sent. */
  #next: { readonly token: ProvidedToken; readonly reason: ResendReason } | undefined
  /** Why the last sending was a resend, if it was one. */
  #resent: ResendReason | undefined
  /** Why no resend is left: it was used, or the request may have been applied before a redirect that we did not see. */
  spentBy: 'resend' | 'redirect' | undefined
  /** The proof of the last sending, if its token is bound to a key. */
  #proof: CarriedProof | undefined
  /** Created by a challenge for more scope. */
  #stepUp: StepUp | undefined

  constructor(rules: ClientRules, choice: TokenChoice, signal: AbortSignal | undefined) {
    this.#rules = rules
    this.#choice = choice
    this.#signal = signal
  }

  /** The client certificate for the connection of the last sending to this origin, according to its token; none without TLS. */
  certificateAt(origin: string | undefined): ConnectionCertificate | undefined {
    const token = this.#token
    if (token === undefined) return undefined
    const certificate = 'key' in token ? token.certificate : this.#rules.provider.certificates?.last
    return certificate !== undefined && origin?.startsWith('https:') ? certificate : undefined
  }

  /** Inherits the resends that were used. */
  inherit(before: TokenUse): void {
    this.spentBy = before.spentBy
    if (before.#stepUp !== undefined) this.#stepUp = new StepUp(this.#rules, this.#choice, this.#signal, before.#stepUp)
  }

  /** A new sending begins. Returns the token of the sending before. */
  start(): RequestToken | undefined {
    const previous = this.#token
    this.#token = undefined
    return previous
  }

  /** The token that the next sending, to this origin, should carry, if one is available without waiting. */
  take(origin: string | undefined): RequestToken | undefined {
    const next = this.#next
    this.#next = undefined
    // A new proof for the same token does not change the token.
    if (this.#proof?.isToBeReplaced !== true) this.#resent = next?.reason
    return next?.token ?? this.#choice.take(origin)
  }

  carry(token: RequestToken, { url, method }: Sending, origin: string): AuthorizationHeaders {
    this.#token = token
    const binding = bindingOf(token)
    if (binding === undefined) return { authorization: token.header }
    const { proof, nonce } = binding.prove(url, method, origin)
    this.#proof = { nonce, isReplacement: this.#proof?.isToBeReplaced === true, isToBeReplaced: false }
    return { authorization: token.header, dpop: proof }
  }

  /** Records the nonce of an intermediate response. */
  learn(headers: ResponseHeaders, origin: string): void {
    bindingOf(this.#token)?.learnNonce(origin, headerValues(headers, 'dpop-nonce')[0])
  }

  /** The verdict on the response to the last sending, which was sent to `origin`. */
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
    // `Age` says that the response came from a cache (RFC 9111 §5.1).
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
      if (isFromCache()) return 'deliver'
      return resent === 'rejected' ? this.#giveUp() : this.#reject(token, origin, details)
    }
    if (resent === 'rejected') this.#rules.budget.giveBack(token.key, origin)
    const challenge = isChallenge ? scopeChallengeIn(status, challenges(headers), scheme) : undefined
    if (status === 403 && challenge === undefined) this.#giveUp()
    else this.#stepUp?.settle(challenge === undefined)
    if (challenge === undefined || this.spentBy === 'redirect' || !this.#rules.mayStepUp(origin) || isFromCache()) {
      return 'deliver'
    }
    this.#stepUp ??= new StepUp(this.#rules, this.#choice, this.#signal)
    return this.#resendWider(this.#stepUp.tokenAfter(challenge, sending, origin, token, details.replayable === true))
  }

  /** Drops the rejected token, and replaces it if the request can be resent. */
  #reject(token: ProvidedToken, origin: string, { replayable }: ResponseDetails): Verdict | Promise<Verdict> {
    const { provider, budget } = this.#rules
    if (provider.isCurrent(token)) {
      if (!budget.take(token.key, origin)) return this.#giveUp()
      provider.reject(token, origin)
    }
    return replayable === true && this.spentBy === undefined ? this.#replace(token, origin) : 'deliver'
  }

  /**
   * The server has neither checked the token nor carried the request out: repeat it with the new nonce. Only once, since a
   * server might demand a new nonce each time. It costs no refresh, and no resend with a new token.
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

  /** Requests a token to replace the rejected one. If none is available, the 401 says more than our error. */
  #replace(rejected: ProvidedToken, origin: string): Verdict | Promise<Verdict> {
    const resendWith = (token: ProvidedToken): Verdict => {
      if (token.header === rejected.header) return this.#giveUp()
      this.#next = { token, reason: 'rejected' }
      this.spentBy = 'resend'
      return 'resend'
    }
    const signal = this.#signal
    const available = this.#choice.take(origin) as ProvidedToken | undefined
    if (available !== undefined) return resendWith(available)
    return this.#choice.acquire(signal, origin).then(
      (token) => resendWith(token as ProvidedToken),
      (error) => {
        if (signal?.aborted) throw error
        return this.#giveUp()
      },
    )
  }

  /** A wider token that did not help is not used for later requests. */
  #giveUp(): Verdict {
    this.#stepUp?.settle(false)
    this.#choice.forgetWider()
    return 'deliver'
  }
}

function bindingOf(token: RequestToken | undefined) {
  return token !== undefined && 'binding' in token ? token.binding : undefined
}

function challenges(headers: ResponseHeaders): string[] {
  return headerValues(headers, 'www-authenticate')
}
