import { anyProvider } from './authorization/any-provider.js'
import { type AuthorizationOptions, authorizationChecks, checkIncoming } from './authorization/authorization-options.js'
import { ClientRules } from './authorization/client-rules.js'
import { RequestAuthorizer } from './authorization/request-authorizer.js'
import { createTokenProvider } from './create-token-provider.js'
import type { McaAuthOptions } from './options.js'
import { internalsOf, type ProviderInternals } from './provider/provider-internals.js'
import type { TokenProvider } from './provider/token-provider.js'
import { checkFields, record } from './validate.js'

/** Rules of one client, in place of those of the shared provider. */
export type ClientOptions = AuthorizationOptions

/**
 * Creates the authorizer of a client: the first step of every `mcaAuth()`.
 *
 * @param client - the client's name in reports, e.g. `'axios'`.
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider: any object with `getToken()`.
 * @param clientOptions - with a provider: rules of this client, in place of the provider's.
 * @throws TypeError for a bad option; McaAuthError if credentials are missing.
 */
export function createRequestAuthorizer(
  client: string,
  optionsOrProvider: McaAuthOptions | TokenProvider = {},
  clientOptions: ClientOptions = {},
): RequestAuthorizer {
  record('the second argument', clientOptions)
  checkFields<ClientOptions>('client option', clientOptions, authorizationChecks)
  const given = providerOf(optionsOrProvider)
  const [name] = Object.keys(clientOptions)
  if (given === undefined && name !== undefined) {
    throw new TypeError(`\`${name}\` belongs in the options; a second argument goes with a provider`)
  }
  const provider = given ?? (internalsOf(createTokenProvider(optionsOrProvider as McaAuthOptions)) as ProviderInternals)
  const rules = { ...provider.rules, ...definedFields(clientOptions) }
  checkIncoming(rules)
  return new RequestAuthorizer(new ClientRules(client, provider, rules))
}

function providerOf(value: McaAuthOptions | TokenProvider): ProviderInternals | undefined {
  const internals = internalsOf(value)
  if (internals !== undefined) return internals
  return typeof (value as TokenProvider | null)?.getToken === 'function'
    ? anyProvider(value as TokenProvider)
    : undefined
}

/** Without the fields that are `undefined`, which would override others in a spread. */
function definedFields<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>
}
