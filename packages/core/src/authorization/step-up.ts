import { debuglog } from 'node:util'
import type { ProvidedToken } from '../provider/provider-internals.js'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'
import type { ClientRules } from './client-rules.js'
import type { ScopeChallenge } from './outgoing-request.js'
import type { Sending } from './sending.js'
import type { TokenChoice } from './token-choice.js'
import { WiderRequests } from './wider-requests.js'

const debug = debuglog('mca-auth')

/** A token request that replaced another one, and the origin that demanded it. */
interface Step {
  readonly origin: string
  /** On behalf of the caller, if tokens are exchanged: the result of one caller's request does not apply to another's. */
  readonly first: PreparedTokenRequest
  /** As `tokenRequest` returned it. */
  readonly wider: PreparedTokenRequest
  /** Whether it was charged to the budget. */
  readonly isCharged: boolean
}

/**
 * Handles a challenge for more scope (RFC 6750 §3.1), once per request, if the user's function `tokenRequest` returns a
 * different token request than before. Since the resource demands a stronger token, this happens only if that function and
 * the option `origins` allow it.
 *
 * The wider token request is remembered before its token arrives, so that many concurrent requests are charged once. It is
 * forgotten if no such token is issued, or if the resource does not accept it.
 */
export class StepUp {
  readonly #rules: ClientRules
  readonly #choice: TokenChoice
  readonly #signal: AbortSignal | undefined
  #isSpent: boolean
  /** The token request with which the request was resent, until the response arrives. */
  #pending: Step | undefined

  /** `before`: the state of the same request, if a layer repeats it and hides its identity. */
  constructor(rules: ClientRules, choice: TokenChoice, signal: AbortSignal | undefined, before?: StepUp) {
    this.#rules = rules
    this.#choice = choice
    this.#signal = signal
    this.#isSpent = before === undefined ? false : before.#isSpent
  }

  /** A response that does not reject the token. */
  settle(isContent: boolean): void {
    const step = this.#pending
    if (step === undefined) return
    this.#pending = undefined
    if (!isContent) this.#forget(step)
    else if (step.isCharged) this.#rules.budget.giveBack(budgetKey(step.first), step.origin)
  }

  /**
   * The token with which to resend the request, if it should be resent.
   *
   * @param isReplayable - if not, the wider token request is only remembered for the next request.
   */
  tokenAfter(
    challenge: ScopeChallenge,
    sending: Sending,
    origin: string,
    carried: ProvidedToken,
    isReplayable: boolean,
  ): ProvidedToken | undefined | Promise<ProvidedToken | undefined> {
    if (this.#isSpent) return undefined
    this.#isSpent = true
    const { first } = this.#choice
    const wider = this.#chooseAfter(challenge, sending)
    const wanted = wider && this.#choice.wanted(wider)
    if (!first || !wanted || wanted.key === first.key || wanted.key === carried.key) return undefined
    const { provider, budget } = this.#rules
    const available = provider.take(wanted)
    // The resource chooses the scope, and must not cause a token request with each of its responses.
    const isCharged = available === undefined && this.#rules.wider?.find(origin, first)?.key !== wider.key
    if (isCharged && !budget.take(budgetKey(first), origin)) return undefined
    const step = { origin, first, wider, isCharged }
    this.#rules.wider ??= new WiderRequests()
    this.#rules.wider.remember(origin, first, wider)
    if (!isReplayable) return undefined
    if (available !== undefined) return this.#use(step, available, carried)
    return provider.acquire(wanted, this.#signal).then(
      (token) => this.#use(step, token, carried),
      (error) => {
        if (this.#signal?.aborted) throw error
        this.#forget(step)
        return undefined
      },
    )
  }

  #use(step: Step, token: ProvidedToken, carried: ProvidedToken): ProvidedToken | undefined {
    // A server that ignores the scope issues the same token again.
    if (token.header === carried.header) {
      this.#forget(step)
      return undefined
    }
    this.#pending = step
    this.#choice.replaceBy(step.wider, step.origin)
    return token
  }

  #forget({ origin, first, wider }: Step): void {
    this.#rules.wider?.forget(origin, first, wider)
  }

  /** If the function fails, the caller gets the response, which says more than the error; that goes to the log. */
  #chooseAfter(challenge: ScopeChallenge, { url, method }: Sending): PreparedTokenRequest | undefined {
    try {
      return url === undefined ? undefined : this.#choice.chooseAfter(challenge, url, method)
    } catch (error) {
      debug('`tokenRequest` failed after a challenge for more scope, and the response is delivered: %s', error)
      return undefined
    }
  }
}

/** A separate budget from that of rejected tokens, whose keys contain no space. */
function budgetKey({ key }: PreparedTokenRequest): string {
  return `step-up ${key}`
}
