import { type Checks, checkFields, record } from '../validate.js'
import type { CredentialPart } from './credential-part.js'
import { asFunction, type Grant } from './grant.js'
import { missingSubject, subjectReading, tokenReading } from './presented-token.js'
import { canChange, checkTextSource, copyOf, readSource, type TextSource } from './text-source.js'

/** The token that is exchanged, and the requested type. */
export interface TokenExchangeSettings {
  /**
   * The token that is exchanged (RFC 8693 §2.1): `{ file }`, a function, or the text. Left out with `incoming: 'exchange'`,
   * which exchanges the incoming request's token.
   */
  readonly subjectToken?: TextSource | undefined
  /**
   * `'access_token'`, `'id_token'`, `'jwt'`, `'refresh_token'`, `'saml1'`, `'saml2'` (RFC 8693 §3), or a URI.
   * @default 'access_token'
   */
  readonly subjectTokenType?: string | undefined
  /** The token of the party that acts for the subject. */
  readonly actorToken?: TextSource | undefined
  /** As `subjectTokenType`. @default 'access_token' */
  readonly actorTokenType?: string | undefined
  /** As `subjectTokenType`. @default the server's choice */
  readonly requestedTokenType?: string | undefined
}

const shortNames = ['access_token', 'id_token', 'jwt', 'refresh_token', 'saml1', 'saml2']
const checks: Checks<TokenExchangeSettings> = {
  subjectToken: checkTextSource,
  actorToken: checkTextSource,
  subjectTokenType: tokenType,
  actorTokenType: tokenType,
  requestedTokenType: tokenType,
}

/**
 * For `grant`: exchanges a token that the platform issues for one of the server's (RFC 8693), e.g. a projected service
 * account token of Kubernetes. Most servers do not require a client for it. `audience` and other
 * parameters that a server requires go into `parameters`.
 *
 * With `incoming: 'exchange'`, it exchanges the tokens of incoming requests: do not give a `subjectToken`. Tokens of the
 * service itself are then requested with the client's own credentials.
 *
 * @throws TypeError for bad settings. A file that is missing or empty, and a token that has expired, is
 *   `INVALID_CREDENTIALS_SOURCE`, when a token is requested.
 * @example
 * ```ts
 * import { createTokenProvider, tokenExchange } from '@mca-auth/core'
 *
 * createTokenProvider({
 *   tokenEndpoint: 'https://sts.example.com/token',
 *   parameters: { audience: 'https://orders.example.com' },
 *   grant: tokenExchange({ subjectToken: { file: '/var/run/secrets/tokens/sts' }, subjectTokenType: 'jwt' }),
 * })
 * ```
 */
export function tokenExchange(settings: TokenExchangeSettings = {}): Grant {
  record('the settings of `tokenExchange`', settings)
  checkFields<TokenExchangeSettings>('setting of `tokenExchange`', settings, checks)
  if (settings.actorTokenType !== undefined && settings.actorToken === undefined) {
    throw new TypeError('`actorTokenType` goes with an `actorToken`')
  }
  const [subjectToken, actorToken] = [settings.subjectToken, settings.actorToken].map(
    (source) => source && copyOf(source),
  )
  const { requestedTokenType } = settings
  const subjectType = tokenType('subjectTokenType', settings.subjectTokenType ?? 'access_token')
  const actorType = tokenType('actorTokenType', settings.actorTokenType ?? 'access_token')
  const requestedType = requestedTokenType && tokenType('requestedTokenType', requestedTokenType)
  const types = [subjectType, actorToken && actorType, requestedType]
  const readActor = async () => (actorToken === undefined ? [] : [await readSource('actorToken', actorToken)])
  const write = (body: URLSearchParams, subject: string, actor: string | undefined) => {
    body.set('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange')
    body.set('subject_token', subject)
    body.set('subject_token_type', subjectType)
    if (actor !== undefined) {
      body.set('actor_token', actor)
      body.set('actor_token_type', actorType)
    }
    if (requestedType !== undefined) body.set('requested_token_type', requestedType)
  }
  const part = {
    name: 'token exchange',
    settings: ['token-exchange', subjectToken, actorToken, ...types],
    sharedSettings: ['token-exchange', ...types],
    isShareable: true,
    canChange: [subjectToken, actorToken].some((source) => source !== undefined && canChange(source)),
  }
  if (subjectToken !== undefined) {
    const read = async () => {
      const subject = await readSource('subjectToken', subjectToken)
      const actor = await readActor()
      return tokenReading([subject, ...actor], ({ body }) => write(body, subject.text, actor[0]?.text))
    }
    return asFunction('grant', { ...part, read })
  }
  const forSubject = (subject: string): CredentialPart => ({
    ...part,
    read: async () => {
      const actor = await readActor()
      return subjectReading(subject, actor, ({ body }) => write(body, subject, actor[0]?.text))
    },
  })
  return asFunction('grant', { ...part, read: missingSubject, forSubject })
}

/** The URI of a token type. A short name stands for one of RFC 8693 §3. */
function tokenType(name: string, value: unknown): string {
  if (shortNames.includes(value as string)) return `urn:ietf:params:oauth:token-type:${value}`
  if (typeof value === 'string' && /^[a-z][a-z0-9+.-]*:\S+$/i.test(value)) return value
  throw new TypeError(`\`${name}\` must be one of ${shortNames.join(', ')}, or a URI`)
}
