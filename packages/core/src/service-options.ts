import type { AuthorizationOptions } from './authorization/authorization-options.js'
import type { CredentialOptions } from './credentials/credential-options.js'
import { serviceSettings } from './credentials/service-settings.js'
import { McaAuthError } from './error.js'
import { isSecure, parseUrl } from './origin.js'
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
 * The options, completed by the configuration of `service`. Given options override it.
 *
 * @returns the options, and the source of the configuration.
 * @throws McaAuthError `INVALID_CREDENTIALS_SOURCE`, `MISSING_SECRET_ERROR` or `INSECURE_TRANSPORT`.
 */
export function withService<O extends Options>(options: O): { readonly options: O & Options; readonly from?: string } {
  if (options.service === undefined) return { options }
  const { from, credentials, url, scope } = serviceSettings(options.service)
  const { origins = url === undefined ? undefined : originOf(url, from, options.allowInsecureRequests) } = options
  return { options: { ...options, service: undefined, ...credentials, scope: options.scope ?? scope, origins }, from }
}

/**
 * The origin of the service, without the user and password that a URL may have. A configuration is not the caller's
 * consent to send tokens over plain HTTP, or to several hosts: only the option `origins` is.
 */
function originOf(text: string, from: string, isInsecureAllowed = false): string {
  const url = parseUrl(text)
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname.includes('*')) {
    throw new McaAuthError(
      'INVALID_CREDENTIALS_SOURCE',
      `the service's URL in ${from} is not an http(s) URL of one host: correct it, or give \`origins\``,
    )
  }
  if (isSecure(url.origin) || isInsecureAllowed) return url.origin
  throw new McaAuthError(
    'INSECURE_TRANSPORT',
    `the service's URL in ${from} is plain http: use https, or list ${url.origin} in \`origins\``,
  )
}
