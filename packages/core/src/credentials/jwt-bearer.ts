import { nonEmptyString, record } from '../validate.js'
import type { CredentialPart } from './credential-part.js'
import { asFunction, type Grant } from './grant.js'
import { missingSubject, subjectReading, tokenReading } from './presented-token.js'
import { canChange, checkTextSource, copyOf, readSource, type TextSource } from './text-source.js'

/** The assertion, and further fields of the form that go with this grant. */
export interface JwtBearerSettings {
  /**
   * The JWT that is presented: `{ file }`, a function, or the text. Left out with `incoming: 'exchange'`, which presents
   * the incoming request's token.
   */
  readonly assertion?: TextSource | undefined
  /** A string that is sent as the field of the form with this name, e.g. `requested_token_use`. */
  readonly [field: string]: TextSource | undefined
}

const reserved = ['grant_type', 'client_id', 'client_secret', 'client_assertion', 'scope', 'resource']

/**
 * For `grant`: presents a JWT that another party has signed (RFC 7523 §2.1).
 *
 * With `incoming: 'exchange'` it presents the tokens of incoming requests, as Microsoft Entra's on-behalf-of flow requires:
 * `jwtBearer({ requested_token_use: 'on_behalf_of' })`.
 *
 * @throws TypeError for bad settings. A file that is missing or empty, and an assertion that has expired, is
 *   `INVALID_CREDENTIALS_SOURCE`, when a token is requested.
 * @example
 * ```ts
 * import { createTokenProvider, jwtBearer } from '@mca-auth/core'
 *
 * createTokenProvider({
 *   tokenEndpoint: 'https://idp.example.com/token',
 *   grant: jwtBearer({ assertion: { file: '/var/run/secrets/tokens/idp' } }),
 * })
 * ```
 */
export function jwtBearer(settings: JwtBearerSettings = {}): Grant {
  record('the settings of `jwtBearer`', settings)
  const { assertion: source, ...given } = settings
  if (source !== undefined) checkTextSource('assertion', source)
  const assertion = source && copyOf(source)
  const fields = Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, value] of fields) {
    if (reserved.includes(name)) throw new TypeError(`\`jwtBearer\` must not set \`${name}\``)
    nonEmptyString(name, value)
  }
  const write = (body: URLSearchParams, token: string) => {
    body.set('grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    body.set('assertion', token)
    for (const [name, value] of fields) body.set(name, value as string)
  }
  const part = {
    name: 'JWT bearer grant',
    settings: ['jwt-bearer', assertion, fields],
    sharedSettings: ['jwt-bearer', fields],
    isShareable: true,
    canChange: assertion !== undefined && canChange(assertion),
  }
  if (assertion !== undefined) {
    const read = async () => {
      const token = await readSource('assertion', assertion)
      return tokenReading([token], ({ body }) => write(body, token.text))
    }
    return asFunction('grant', { ...part, read })
  }
  const forSubject = (subject: string): CredentialPart => ({
    ...part,
    read: () => subjectReading(subject, [], ({ body }) => write(body, subject)),
  })
  return asFunction('grant', { ...part, read: missingSubject, forSubject })
}
