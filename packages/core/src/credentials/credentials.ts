import { McaAuthError, type McaAuthErrorCode } from '../error.js'
import { type BoundKey, boundKey } from './bound-key.js'
import { publicClient, type Secret, secretMethods, secretPart, withSecretInIdentity } from './client-authentication.js'
import type { CredentialOptions } from './credential-options.js'
import { type CredentialPart, partOf } from './credential-part.js'
import { type ExchangeGrant, exchangeGrant } from './exchange-grant.js'
import { grantPart, ownFunction } from './grant.js'
import { readBindingFile } from './platform/mounted-binding.js'
import { applicationId, findServiceInstance, readerNames, unusableNote } from './platform/platform-readers.js'
import { isSinglePage, type ServiceInstance } from './platform/service-instance.js'
import { type Server, secured, serverOf, serverOfInstance, text, tokenEndpointOf } from './server.js'
import { sourcePart } from './token-source.js'

/** The client that requests tokens, its credentials, and the server. */
export interface Credentials {
  /** `undefined` if a function of the user's returns the tokens. */
  readonly server: Server | undefined
  readonly clientId: string | undefined
  readonly clientAuth: CredentialPart
  readonly grant: CredentialPart
  /** How the tokens of incoming requests are exchanged, if they can be. */
  readonly exchange: ExchangeGrant | undefined
  readonly identity: string | undefined
  /** The key that tokens are bound to; `undefined` for Bearer tokens. */
  readonly dpop: BoundKey | true | undefined
}

/** A value and where it was found: `options`, or a platform reader and the instance there. */
export interface Found<T> {
  /** The credential itself. */
  readonly value: T
  /** The option, variable or file that it comes from, in words for a message. */
  readonly from: string
}

/** The credentials in the options and the platform, complete or not. */
export interface FoundCredentials {
  /** The authorization server. */
  readonly server: Found<Server> | undefined
  /** MCA's tenant id; no other server has one. */
  readonly appId: Found<string> | undefined
  /** OAuth client id. */
  readonly clientId: Found<string> | undefined
  /** Client secret, or the function that returns it. */
  readonly secret: Found<Secret> | undefined
  /** How the client authenticates, according to the platform. */
  readonly clientAuth?: CredentialOptions['clientAuth']
  /** The error for the first missing one. */
  readonly missing: McaAuthError | undefined
}

const nothingNeeded: FoundCredentials = {
  ...{ server: undefined, appId: undefined, clientId: undefined, secret: undefined, missing: undefined },
}

/**
 * Options override field by field; everything else comes from exactly one source. A secret is not taken from the
 * platform if the options name the client or the server, since it belongs to another one.
 *
 * @throws McaAuthError if a source is malformed, or offers several instances.
 */
export function findCredentials(options: CredentialOptions): FoundCredentials {
  if (options.source !== undefined) return nothingNeeded
  const [grant, clientAuth] = [partOf(options.grant), partOf(options.clientAuth)]
  const explicit = {
    server: grant?.server ?? serverOf(options),
    clientId: options.clientId,
    appId: options.appId,
    secret: options.secret,
  }
  // With a grant, the client's authentication is optional.
  const named = [explicit.clientId, explicit.secret, typeof options.clientAuth === 'string' || undefined]
  const isClient = options.grant === undefined || named.some((given) => given !== undefined)
  const needsId = clientAuth === undefined ? isClient : clientAuth.needsNoClient !== true
  // IBM's servers require id and secret together; others have public clients.
  const needsOne = options.grant === undefined || options.clientAuth !== undefined || grant?.server !== undefined
  const needsSecret = isClient && needsOne && typeof options.clientAuth !== 'function' && options.clientAuth !== 'none'
  const complete =
    // Nothing of a bound service is presented to another server.
    (options.grant !== undefined && explicit.server !== undefined) ||
    ((explicit.clientId !== undefined || !needsId) &&
      explicit.server !== undefined &&
      (explicit.secret !== undefined || !needsSecret) &&
      (explicit.server.kind !== 'mca' || explicit.appId !== undefined))
  const { instance, unusable } = complete ? { unusable: [] } : findInstance(options)
  const foreign = explicit.clientId !== undefined || explicit.server !== undefined
  const { source, name } = instance ?? {}
  const from = source === name ? source : `${source}, instance ${name}`
  const field = (name: string) => found(text(instance?.credential[name]), from)

  const server = found(explicit.server, 'options') ?? found(instance && serverOfInstance(instance), from)
  const tenantId = () => field('tenantId') ?? found(text(applicationId()), 'VCAP_APPLICATION')
  const appId = server?.value.kind === 'mca' ? (found(explicit.appId, 'options') ?? tenantId()) : undefined
  const clientId = found(explicit.clientId, 'options') ?? field('clientId')
  const secret = found(explicit.secret, 'options') ?? (foreign ? undefined : field('secret'))

  const noInstance = complete
    ? 'the options name the server'
    : `found no instance in ${readerNames}${unusableNote(unusable)}`
  const where = instance ? notIn(instance) : noInstance
  const rule = "the platform's secret is not used if the options name the client or the server"
  let missing: McaAuthError | undefined
  if (server?.value.kind === 'mca' && appId === undefined) {
    missing = missingError('MISSING_APPID_ERROR', '`appId`', `${where}, and no application_id in VCAP_APPLICATION`)
  } else if (clientId === undefined && needsId) missing = missingError('MISSING_CLIENTID_ERROR', '`clientId`', where)
  else if (secret === undefined && needsSecret) {
    missing = missingError('MISSING_SECRET_ERROR', '`secret`', foreign ? rule : where)
  } else if (server === undefined) {
    missing = missingError(
      'MISSING_SERVER_URL_ERROR',
      '`serverUrl` (or `oauthServerUrl`, `issuer`, `tokenEndpoint`)',
      where,
    )
  }
  return { server, appId, clientId, secret, clientAuth: foreign ? undefined : methodOf(instance), missing }
}

/** @throws McaAuthError if something is missing, a source is malformed, or the endpoint is plain HTTP. */
export function resolveCredentials(
  options: CredentialOptions & { readonly allowInsecureRequests: boolean },
): Credentials {
  const { server, appId, clientId, secret, clientAuth, missing } = findCredentials(options)
  if (missing !== undefined) throw missing
  const { kind } = server?.value ?? {}
  return {
    server: server && {
      ...server.value,
      url: secured(tokenEndpointOf(server.value, appId?.value), server.value.kind, options.allowInsecureRequests),
    },
    clientId: clientId?.value,
    clientAuth: clientAuthPart(options.clientAuth ?? clientAuth, kind, secret?.value),
    grant: options.source === undefined ? grantPart(options.grant) : sourcePart(options.source),
    exchange: options.source === undefined ? exchangeGrant(options.grant) : undefined,
    identity: options.identity,
    dpop: options.dpop === undefined ? undefined : boundKey(options.dpop),
  }
}

function clientAuthPart(
  given: CredentialOptions['clientAuth'],
  kind: Server['kind'] | undefined,
  secret: Secret | undefined,
): CredentialPart {
  if (typeof given === 'function') {
    const part = partOf(given) ?? ownFunction('clientAuth', given)
    return secret === undefined ? part : withSecretInIdentity(part, secret)
  }
  if (given === 'none' || secret === undefined) return publicClient
  // The methods of an issuer are known once its metadata is.
  if (kind === 'issuer') return secretPart(given, secret)
  return secretPart(given ?? (kind === 'other' ? 'client_secret_basic' : 'client_secret_basic_raw'), secret)
}

function found<T>(value: T | undefined, from = ''): Found<T> | undefined {
  return value === undefined ? undefined : { value, from }
}

function findInstance(options: CredentialOptions): ReturnType<typeof findServiceInstance> {
  if (options.bindingFile === undefined) return findServiceInstance(options.instanceName)
  return { instance: readBindingFile(options.bindingFile), unusable: [] }
}

/** Why an instance lacks a field, as far as is known. */
function notIn({ source, name, credential, unusable }: ServiceInstance): string {
  const reason = isSinglePage(credential)
    ? 'a single-page application has no secret and cannot request tokens: bind a regular web application'
    : unusable
  const which = source === name ? source : `${source}, instance ${JSON.stringify(name)}`
  return `found no such field in ${which}${reason === undefined ? '' : `: ${reason}`}`
}

function methodOf(instance: ServiceInstance | undefined): CredentialOptions['clientAuth'] {
  const method = instance?.credential.clientAuth
  return secretMethods.find((known) => known === method)
}

function missingError(code: McaAuthErrorCode, option: string, where: string): McaAuthError {
  return new McaAuthError(
    code,
    `${option} is missing: not in the options; ${where}. \`npx @mca-auth/cli doctor\` shows what was found`,
  )
}
