import { type Checks, callable, httpUrl, nonEmptyString } from '../validate.js'
import { type ClientAuth, type Secret, type SecretMethod, secretMethods } from './client-authentication.js'
import { partOf } from './credential-part.js'
import type { Grant } from './grant.js'

/** Who requests tokens, and from which server. */
export interface CredentialOptions {
  /** MCA tenant id, also called the application GUID. Needed with an MCA `serverUrl` only. */
  readonly appId?: string | undefined
  /** OAuth client id. */
  readonly clientId?: string | undefined
  /** Client secret, or a function that returns the current one. It is called for each token request. */
  readonly secret?: Secret | undefined
  /** MCA authorization server, e.g. `https://imf-authserver.ng.bluemix.net/imf-authserver`; App ID's URL works too. */
  readonly serverUrl?: string | undefined
  /** App ID server, e.g. `https://us-south.appid.cloud.ibm.com/oauth/v4/<tenant>`. */
  readonly oauthServerUrl?: string | undefined
  /** The same, as App ID's application credentials spell it. */
  readonly oAuthServerUrl?: string | undefined
  /** Token endpoint of any other OAuth 2.0 server (RFC 6749 §3.2). */
  readonly tokenEndpoint?: string | undefined
  /** Name of the platform's service instance to use, if several match. */
  readonly instanceName?: string | undefined
  /** A file that holds a service credential as JSON, e.g. `/opt/service-bind/binding`. Used instead of the platform. */
  readonly bindingFile?: string | undefined
  /**
   * How the client authenticates (RFC 6749 §2.3.1). IBM's servers take id and secret raw, others form-encoded. `'none'`:
   * not at all, a public client. Instead of a secret: `privateKeyJwt()` or `clientAssertion()`, or a function of your
   * own, which adds to the request's `body` and `headers`.
   * @default 'client_secret_basic_raw' for MCA, App ID and IAM, else what the server's metadata list, else
   *   'client_secret_basic'; without a secret, if a `grant` is given, 'none'
   */
  readonly clientAuth?: SecretMethod | 'none' | ClientAuth | undefined
  /**
   * What is presented for a token: `ibmIam()`, `ibmVpc()`, `tokenExchange()`, `jwtBearer()`, or a function of your own.
   * `ibmIam()` and `ibmVpc()` name their server.
   * @default the client's own credentials (RFC 6749 §4.4)
   */
  readonly grant?: Grant | undefined
  /**
   * Says who requests the tokens, if nothing else does: with a function of your own as `clientAuth` or `grant`, or a
   * key that cannot be compared, a `sharedCache` is used only by providers that have an `identity`, and shared by those
   * that have the same. Two credentials need two of them.
   * @default none
   */
  readonly identity?: string | undefined
}

const clientAuthNames: readonly unknown[] = [...secretMethods, 'none']

export const credentialChecks: Checks<CredentialOptions> = {
  appId: nonEmptyString,
  clientId: nonEmptyString,
  secret: (name, value) => typeof value === 'function' || nonEmptyString(name, value),
  serverUrl: httpUrl,
  oauthServerUrl: httpUrl,
  oAuthServerUrl: httpUrl,
  tokenEndpoint: httpUrl,
  instanceName: nonEmptyString,
  bindingFile: nonEmptyString,
  grant: callable,
  identity: nonEmptyString,
  clientAuth: (name, value) => {
    if (typeof value !== 'function' && !clientAuthNames.includes(value)) {
      throw new TypeError(`\`${name}\` must be one of ${clientAuthNames.join(', ')}, or a function`)
    }
  },
}

/** @throws TypeError if the options name more than one server. */
export function checkOneServer(options: CredentialOptions): void {
  const names = ['serverUrl', 'oauthServerUrl', 'oAuthServerUrl', 'tokenEndpoint'] as const
  const given: string[] = names.filter((name) => options[name] !== undefined)
  if (given.length > 1) throw new TypeError(`only one of \`${given.join('`, `')}\` may be given`)
  if (given.length > 0 && partOf(options.grant)?.server !== undefined) {
    throw new TypeError(`\`${given[0]}\` must not be given: this \`grant\` names its server, and takes another \`url\``)
  }
}
