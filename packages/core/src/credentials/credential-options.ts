import { type Checks, callable, httpUrl, nonEmptyString } from '../validate.js'
import { boundKey } from './bound-key.js'
import { type ClientAuth, type Secret, type SecretMethod, secretMethods } from './client-authentication.js'
import { partOf } from './credential-part.js'
import type { Grant } from './grant.js'
import type { PrivateKeyInput } from './private-key.js'
import type { TokenSource } from './token-source.js'

/** The client that requests tokens, and the server. */
export interface CredentialOptions {
  /** MCA tenant id, also called the application GUID. Needed with an MCA `serverUrl` only. @default the platform's */
  readonly appId?: string | undefined
  /** OAuth client id. @default the platform's */
  readonly clientId?: string | undefined
  /**
   * Client secret, or a function that returns the current one. It is called for each token request.
   * @default the platform's, unless the client or the server is given
   */
  readonly secret?: Secret | undefined
  /**
   * MCA authorization server, e.g. `https://imf-authserver.ng.bluemix.net/imf-authserver`; App ID's URL works too.
   * @default the platform's
   */
  readonly serverUrl?: string | undefined
  /** App ID server, e.g. `https://us-south.appid.cloud.ibm.com/oauth/v4/<tenant>`. @default the platform's */
  readonly oauthServerUrl?: string | undefined
  /** The same, as App ID's application credentials spell it. */
  readonly oAuthServerUrl?: string | undefined
  /** Token endpoint of any other OAuth 2.0 server (RFC 6749 §3.2). */
  readonly tokenEndpoint?: string | undefined
  /**
   * The issuer, as the server writes it, e.g. `https://login.example.com/realms/shop`: the token endpoint and how to
   * authenticate are looked up (RFC 8414, OpenID Connect Discovery). If `tokenEndpoint` is also given, nothing is looked up,
   * and the issuer is only used as the audience of assertions.
   */
  readonly issuer?: string | undefined
  /**
   * A service of IBM Cloud, by the name that IBM's SDKs or the platform give it: its configuration says who requests
   * tokens, and its URL becomes `origins`, unless they are given.
   * @default none: the credentials are those of App ID or MCA
   */
  readonly service?: string | undefined
  /** Name of the platform's service instance to use, if several match. */
  readonly instanceName?: string | undefined
  /** A file that holds a service credential as JSON, e.g. `/opt/service-bind/binding`. Used instead of the platform. */
  readonly bindingFile?: string | undefined
  /**
   * How the client authenticates (RFC 6749 §2.3.1). IBM's servers expect id and secret raw, others form-encoded. `'none'`:
   * a public client, which does not authenticate. Instead of a secret: `privateKeyJwt()`, `clientAssertion()` or
   * `clientCertificate()`, or a custom function, which adds to the request's `body` and `headers`.
   * @default 'client_secret_basic_raw' for MCA, App ID and IAM, else a method in the server's metadata, else
   *   'client_secret_basic'; without a secret, if a `grant` is given, 'none'
   */
  readonly clientAuth?: SecretMethod | 'none' | ClientAuth | undefined
  /**
   * The credential that is presented for a token: `ibmIam()`, `ibmVpc()`, `tokenExchange()`, `jwtBearer()`, or a custom
   * function. `ibmIam()` and `ibmVpc()` imply their server. With `incoming: 'exchange'`, how the tokens of callers are exchanged:
   * `tokenExchange()` without `subjectToken`, or `jwtBearer()` without `assertion`.
   * @default the client's own credentials (RFC 6749 §4.4)
   */
  readonly grant?: Grant | undefined
  /** A function that returns a token, for anything that is not a token endpoint. Replaces server, client and grant. */
  readonly source?: TokenSource | undefined
  /**
   * Identifies who requests the tokens, if nothing else does: with a custom function as `clientAuth`, `grant` or `source`, or a
   * key that cannot be compared, a `sharedCache` is used only by providers that have an `identity`, and shared by those
   * with the same one. Two credentials need two identities.
   * @default none
   */
  readonly identity?: string | undefined
  /**
   * Binds tokens to a key and proves its possession with every request (DPoP, RFC 9449), so that a leaked token is
   * useless. `true`: a new key for this provider. A private key as PEM, JWK or `KeyObject` can be shared by the processes
   * of a fleet, as a `sharedCache` requires. The server must issue tokens of type DPoP.
   * @default none: Bearer tokens
   */
  readonly dpop?: true | PrivateKeyInput | undefined
}

/** The result of a helper works only in its own option: in another one it would present nothing, or an API key to any server. */
function functionFor(name: string, value: unknown): void {
  callable(name, value)
  const { option = name, name: what } = partOf(value) ?? {}
  if (option !== name) throw new TypeError(`\`${name}\` cannot be this function (${what}): give it as \`${option}\``)
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
  service: nonEmptyString,
  instanceName: nonEmptyString,
  bindingFile: nonEmptyString,
  issuer: (name, value) => {
    const { search, hash } = httpUrl(name, value)
    if (search !== '' || hash !== '') throw new TypeError(`\`${name}\` must have no query or fragment (RFC 8414 §2)`)
  },
  grant: functionFor,
  source: functionFor,
  identity: nonEmptyString,
  dpop: (_name, value) => boundKey(value as true),
  clientAuth: (name, value) => {
    if (clientAuthNames.includes(value)) return
    if (typeof value === 'function') return functionFor(name, value)
    const names = clientAuthNames.join(', ')
    throw new TypeError(`\`${name}\` must be one of ${names}, or a function, e.g. \`privateKeyJwt()\``)
  },
}

/** Options that `source` replaces. */
const replacedBySource = [
  ...(['appId', 'clientId', 'secret', 'serverUrl', 'oauthServerUrl', 'oAuthServerUrl', 'tokenEndpoint'] as const),
  ...(['issuer', 'instanceName', 'bindingFile', 'clientAuth', 'grant', 'dpop'] as const),
]

/** @throws TypeError for options that exclude each other, such as two servers. */
export function checkCombination(options: CredentialOptions): void {
  const given = (names: readonly (keyof CredentialOptions)[]) => names.filter((name) => options[name] !== undefined)
  if (options.source !== undefined) {
    const [name] = given(replacedBySource)
    if (name !== undefined) throw new TypeError(`\`${name}\` cannot be combined with \`source\``)
  }
  if (partOf(options.grant)?.send !== undefined) {
    const [name] = given(['clientId', 'secret', 'clientAuth'])
    if (name !== undefined)
      throw new TypeError(`\`${name}\` cannot be combined with this \`grant\`, which has no client`)
  }
  if (options.clientAuth === 'none' && options.secret !== undefined) {
    throw new TypeError("`secret` cannot be combined with `clientAuth: 'none'`, which sends no secret")
  }
  if (options.dpop !== undefined && partOf(options.grant)?.send !== undefined) {
    throw new TypeError('`dpop` must not be given: the tokens of this `grant` are not bound to a key')
  }
  const ibm = ['serverUrl', 'oauthServerUrl', 'oAuthServerUrl'] as const
  const servers = given([...ibm, 'tokenEndpoint'])
  // With a token endpoint, the issuer is not looked up.
  const all = options.tokenEndpoint === undefined ? given([...ibm, 'issuer']) : servers
  if (all.length > 1) throw new TypeError(`only one of \`${all.join('`, `')}\` may be given`)
  if (all[0] !== undefined && partOf(options.grant)?.server !== undefined) {
    throw new TypeError(
      `\`${all[0]}\` cannot be combined with this \`grant\`, which has its own server: use its \`url\` setting`,
    )
  }
}
