import { type Confirmation, confirmation, type TokenIssuer } from './token-issuer.js'

const grantTypes = {
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
}
export const exchangeGrantTypes: readonly string[] = Object.values(grantTypes)
const tokenType = 'urn:ietf:params:oauth:token-type'
const exchangeable = [`${tokenType}:access_token`, `${tokenType}:jwt`]

/** A user whose token is being exchanged. */
export interface ExchangedSubject {
  /** The `sub` of the presented token. */
  readonly subject: string
  /** The `sub` of the actor token, if one was presented. */
  readonly actor: string | undefined
  /** The audiences that the token request names. */
  readonly audience: readonly string[]
  /** The form of RFC 8693, or of Microsoft Entra's on-behalf-of flow. */
  readonly form: 'token-exchange' | 'on-behalf-of'
}

/** Why a token is not exchanged (RFC 6749 §5.2). */
interface Denial {
  readonly error: string
  readonly error_description: string
}

/** Settings of a user's token. */
export interface UserTokenOptions {
  /** Lifetime of the token, in seconds. @default 3600 */
  readonly lifetimeSeconds?: number
  /** Further claims, e.g. `{ email: 'alice@example.com' }`. @default none */
  readonly claims?: Readonly<Record<string, unknown>>
}

/**
 * The users of an authorization server. A service may exchange their tokens for tokens on their behalf: by token exchange
 * (RFC 8693), and with the JWT bearer grant and `requested_token_use=on_behalf_of`, like Microsoft Entra.
 */
export class Users {
  /** The exchanges so far, oldest first. */
  readonly exchanged: ExchangedSubject[] = []
  /** Users whose tokens are no longer exchanged, e.g. because their session has ended. */
  readonly denied: Set<string> = new Set()
  readonly #issuer: TokenIssuer
  readonly #issuerUrl: () => string

  constructor(issuer: TokenIssuer, issuerUrl: () => string) {
    this.#issuer = issuer
    this.#issuerUrl = issuerUrl
  }

  /** A token for calling a service, as this user's application would get it. */
  tokenOf(subject: string, { lifetimeSeconds = 3600, claims = {} }: UserTokenOptions = {}): Promise<string> {
    const expiresAt = Date.now() + lifetimeSeconds * 1000
    return this.#issuer.signUser(this.#issuerUrl(), { scope: 'appid_default', ...claims, sub: subject }, expiresAt)
  }

  /** @internal The user whose token should be exchanged. `undefined` if the request has another grant. */
  async evaluate(form: URLSearchParams): Promise<ExchangedSubject | Denial | undefined> {
    switch (form.get('grant_type')) {
      case grantTypes.tokenExchange:
        return this.#evaluateExchange(form)
      case grantTypes.jwtBearer:
        return this.#evaluateOnBehalfOf(form)
      default:
        return undefined
    }
  }

  /** @internal The response to the exchange (RFC 8693 §2.2.1), with a new token each time. */
  async issue(
    user: ExchangedSubject,
    scope: string,
    lifetimeSeconds: number,
    cnf: Confirmation,
  ): Promise<Record<string, unknown>> {
    const { subject, actor, audience, form } = user
    // RFC 8693 §4.1
    const act = actor === undefined ? {} : { act: { sub: actor } }
    const claims = { ...act, ...confirmation(cnf), scope, sub: subject }
    const expiresAt = Date.now() + lifetimeSeconds * 1000
    const token = await this.#issuer.signUser(this.#issuerUrl(), claims, expiresAt, audience)
    this.exchanged.push(user)
    return {
      access_token: token,
      token_type: cnf.jkt === undefined ? 'Bearer' : 'DPoP',
      expires_in: lifetimeSeconds,
      scope,
      ...(form === 'token-exchange' && { issued_token_type: `${tokenType}:access_token` }),
    }
  }

  /** RFC 8693 §2.1; §2.2.2: invalid tokens are an `invalid_request`. */
  async #evaluateExchange(form: URLSearchParams): Promise<ExchangedSubject | Denial> {
    const error = 'invalid_request'
    if (!exchangeable.includes(form.get('subject_token_type') ?? '')) {
      return { error, error_description: 'subject_token_type must be the type of an access token or a JWT' }
    }
    const subject = await this.#subjectOf(form.get('subject_token'))
    if (subject === undefined) return { error, error_description: 'the subject token is not valid' }
    const actorToken = form.get('actor_token')
    if ((actorToken === null) !== (form.get('actor_token_type') === null)) {
      return { error, error_description: 'actor_token and actor_token_type go together' }
    }
    const actor = actorToken === null ? undefined : await this.#subjectOf(actorToken)
    if (actorToken !== null && actor === undefined) return { error, error_description: 'the actor token is not valid' }
    if (this.denied.has(subject)) {
      return { error: 'access_denied', error_description: `no tokens are issued on behalf of ${subject}` }
    }
    return { subject, actor, audience: form.getAll('audience'), form: 'token-exchange' }
  }

  /** As documented by Microsoft: the assertion is the user's access token for this service. */
  async #evaluateOnBehalfOf(form: URLSearchParams): Promise<ExchangedSubject | Denial> {
    if (form.get('requested_token_use') !== 'on_behalf_of' || form.get('scope') === null) {
      const error_description = 'requested_token_use=on_behalf_of and a scope are required'
      return { error: 'invalid_request', error_description }
    }
    const subject = await this.#subjectOf(form.get('assertion'))
    if (subject === undefined) return { error: 'invalid_grant', error_description: 'the assertion is not valid' }
    if (this.denied.has(subject)) {
      return { error: 'interaction_required', error_description: `${subject} must use multi-factor authentication` }
    }
    return { subject, actor: undefined, audience: [], form: 'on-behalf-of' }
  }

  async #subjectOf(token: string | null): Promise<string | undefined> {
    return token === null ? undefined : (await this.#issuer.verify(token))?.subject
  }
}
