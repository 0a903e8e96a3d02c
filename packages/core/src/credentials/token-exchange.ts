import { type Checks, checkFields, record } from '../validate.js'
import { asFunction, type Grant } from './grant.js'
import { tokenReading } from './presented-token.js'
import { canChange, checkTextSource, copyOf, readSource, type TextSource } from './text-source.js'

/** What is exchanged, and for what. */
export interface TokenExchangeSettings {
  /** The token that is exchanged (RFC 8693 §2.1): `{ file }`, a function, or the text. */
  readonly subjectToken: TextSource
  /** `'access_token'`, `'id_token'`, `'jwt'`, `'saml1'`, `'saml2'` (RFC 8693 §3), or a URI. @default 'access_token' */
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
 * account token of Kubernetes. Most servers don't require a client for it. `audience` and other
 * parameters that a server asks for go into `parameters`.
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
export function tokenExchange(settings: TokenExchangeSettings): Grant {
  record('the settings of `tokenExchange`', settings)
  checkFields<TokenExchangeSettings>('setting of `tokenExchange`', settings, checks)
  if (settings.subjectToken === undefined) throw new TypeError('`tokenExchange` needs a `subjectToken`')
  const subjectToken = copyOf(settings.subjectToken)
  const actorToken = settings.actorToken === undefined ? undefined : copyOf(settings.actorToken)
  const { requestedTokenType } = settings
  const subjectType = tokenType('subjectTokenType', settings.subjectTokenType ?? 'access_token')
  const actorType = tokenType('actorTokenType', settings.actorTokenType ?? 'access_token')
  const requestedType = requestedTokenType && tokenType('requestedTokenType', requestedTokenType)
  const types = [subjectType, actorToken && actorType, requestedType]
  return asFunction({
    name: 'token exchange',
    settings: ['token-exchange', subjectToken, actorToken, ...types],
    sharedSettings: ['token-exchange', ...types],
    isShareable: true,
    canChange: canChange(subjectToken) || (actorToken !== undefined && canChange(actorToken)),
    read: async () => {
      const subject = await readSource('subjectToken', subjectToken)
      const actor = actorToken === undefined ? undefined : await readSource('actorToken', actorToken)
      return tokenReading(actor ? [subject, actor] : [subject], ({ body }) => {
        body.set('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange')
        body.set('subject_token', subject.text)
        body.set('subject_token_type', subjectType)
        if (actor !== undefined) {
          body.set('actor_token', actor.text)
          body.set('actor_token_type', actorType)
        }
        if (requestedType !== undefined) body.set('requested_token_type', requestedType)
      })
    },
  })
}

/** The URI of a token type. A short name stands for one of RFC 8693 §3. */
function tokenType(name: string, value: unknown): string {
  if (shortNames.includes(value as string)) return `urn:ietf:params:oauth:token-type:${value}`
  if (typeof value === 'string' && /^[a-z][a-z0-9+.-]*:\S+$/i.test(value)) return value
  throw new TypeError(`\`${name}\` must be one of ${shortNames.join(', ')}, or a URI`)
}
