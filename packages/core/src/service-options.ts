import type { AuthorizationOptions } from './authorization/authorization-options.js'
import type { CredentialOptions } from './credentials/credential-options.js'
import { serviceSettings } from './credentials/service-settings.js'
import { McaAuthError } from './error.js'
import { isSecure } from './origin.js'
import type { TokenRequest } from './token-endpoint/token-request.js'

/** The options that a service's configuration may complete. */
type Options = CredentialOptions & Pick<TokenRequest, 'scope'> & AuthorizationOptions

/** Options that say who requests tokens, and where, in place of the service's configuration. */
const replaced = [
  'appId',
  'bindingFile',
  'clientAuth',
  'clientId',
  'grant',
  'instanceName',
  'issuer',
  'oAuthServerUrl',
  'oauthServerUrl',
  'secret',
  'serverUrl',
  'source',
  'tokenEndpoint',
] as const

/** @throws TypeError if `service` is given with options that would take its place. */
export function checkService(options: CredentialOptions): void {
  const given = replaced.find((name) => options[name] !== undefined)
  if (options.service !== undefined && given !== undefined) {
    throw new TypeError(`\`${given}\` must not be given with \`service\`, whose configuration says who requests tokens`)
  }
}

/**
 * The options with what the configuration of `service` says, which those that are given override.
 *
 * @returns the options, and where the configuration was found.
 * @throws McaAuthError `INVALID_CREDENTIALS_SOURCE`, `MISSING_SECRET_ERROR` or `INSECURE_TRANSPORT`.
 */
export function withService<O extends Options>(options: O): { readonly options: O & Options; readonly from?: string } {
  if (options.service === undefined) return { options }
  const { from, credentials, url, scope } = serviceSettings(options.service)
  const { origins = url && originOf(url, from, options.allowInsecureRequests === true) } = options
  return { options: { ...options, service: undefined, ...credentials, scope: options.scope ?? scope, origins }, from }
}

/** A configuration is no consent to send tokens over plain HTTP: only the option `origins` is. */
function originOf(url: URL, from: string, isInsecureAllowed: boolean): string {
  if (isSecure(url.origin) || isInsecureAllowed) return url.origin
  throw new McaAuthError(
    'INSECURE_TRANSPORT',
    `the service's URL in ${from} is plain http: use https, or list ${url.origin} in \`origins\``,
  )
}
