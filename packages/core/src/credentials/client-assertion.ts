import { checkFields, nonEmptyString, record } from '../validate.js'
import { addAssertion, assertionTypes } from './assertion-form.js'
import type { ClientAuth } from './client-authentication.js'
import { asFunction } from './grant.js'
import { tokenReading } from './presented-token.js'
import { canChange, checkTextSource, copyOf, readSource, type TextSource } from './text-source.js'

/** The kind of assertion. */
export interface ClientAssertionSettings {
  /**
   * The end of `client_assertion_type`, after `urn:ietf:params:oauth:client-assertion-type:`, e.g. `'jwt-spiffe'`; or all
   * of it.
   * @default 'jwt-bearer'
   */
  readonly type?: string | undefined
}

/**
 * For `clientAuth`: authenticates by an assertion that the platform issues (RFC 7521 §4.2), so that there is no secret: a
 * projected service account token of Kubernetes, a JWT-SVID of SPIFFE, an ID token of a CI job.
 *
 * @param source - `{ file }`, which is read for each token request and again after a denial; a function, which is
 *   called just as often; or the text.
 * @throws TypeError for bad settings. A file that is missing or empty, and an assertion that has expired, is
 *   `INVALID_CREDENTIALS_SOURCE`, when a token is requested.
 * @example
 * ```ts
 * import { clientAssertion, createTokenProvider } from '@mca-auth/core'
 *
 * createTokenProvider({
 *   issuer: 'https://login.example.com/realms/shop',
 *   clientId: 'orders',
 *   clientAuth: clientAssertion({ file: '/var/run/secrets/tokens/idp' }),
 * })
 * ```
 */
export function clientAssertion(source: TextSource, settings: ClientAssertionSettings = {}): ClientAuth {
  checkTextSource('assertion', source)
  const assertion = copyOf(source)
  record('the settings of `clientAssertion`', settings)
  checkFields<ClientAssertionSettings>('setting of `clientAssertion`', settings, { type: nonEmptyString })
  const { type: given = 'jwt-bearer' } = settings
  const type = given.includes(':') ? given : `${assertionTypes}${given}`
  return asFunction('clientAuth', {
    name: 'client assertion',
    settings: ['client-assertion', assertion, type],
    sharedSettings: ['client-assertion', type],
    isShareable: true,
    canChange: canChange(assertion),
    needsNoClient: true,
    read: async () => {
      const token = await readSource('assertion', assertion)
      return tokenReading([token], (draft) => addAssertion(draft, token.text, type))
    },
  })
}
