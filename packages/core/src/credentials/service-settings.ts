import { McaAuthError } from '../error.js'
import type { CredentialOptions } from './credential-options.js'
import { ibmIam } from './ibm-iam.js'
import { ibmVpc } from './ibm-vpc.js'
import { invalid } from './platform/platform-text.js'
import { findServiceConfiguration, type ServiceConfiguration } from './platform/service-configuration.js'
import { serverOfInstance } from './server.js'

/** The options that follow from the configuration of a service. */
export interface ServiceSettings {
  /** The source. */
  readonly from: string
  readonly credentials: CredentialOptions
  /** The URL of the service as given, if it is known; may contain a password. */
  readonly url: string | undefined
  readonly scope: string | undefined
}

type Fields = ServiceConfiguration['fields']

/** Advice for authentication types of IBM's SDKs that we do not support. In lower case, as they are compared. */
const others: ReadonlyMap<string, string> = new Map([
  ['basic', 'use an API key instead of user name and password'],
  ['bearertoken', 'use an API key or a trusted profile, since a fixed token cannot be refreshed'],
  ['couchdb_session', 'use an API key instead of user name and password'],
  ['cp4d', 'use the option `source`, with a function that requests the token'],
  ['iamassume', 'use the option `source`, with a function that requests the token'],
  ['mcsp', 'use the option `source`, with a function that requests the token'],
  ['mcspv2', 'use the option `source`, with a function that requests the token'],
  ['noauth', 'its requests carry no token'],
])

/**
 * Reads and interprets the configuration of a service: `AUTH_TYPE` as in IBM's SDKs, or the fields of App ID.
 *
 * @throws McaAuthError with the source and the field, never with a value.
 */
export function serviceSettings(service: string): ServiceSettings {
  const { from, fields } = findServiceConfiguration(service)
  try {
    return { from, credentials: credentialsOf(fields, from), url: urlOf(fields), scope: fields.scope }
  } catch (error) {
    if (error instanceof McaAuthError) throw error
    // A TypeError of a helper is about a setting, which comes from the configuration.
    throw invalid(`${from}: ${(error as TypeError).message}`)
  }
}

function credentialsOf(fields: Fields, from: string): CredentialOptions {
  const type = (fields.authtype ?? impliedType(fields)).toLowerCase()
  const { authurl: url } = fields
  switch (type) {
    case 'iam':
      if (fields.apikey === undefined) throw invalid(`${from}: APIKEY is missing, which AUTH_TYPE iam requires`)
      return { grant: ibmIam({ apikey: fields.apikey, url }), ...clientOf(fields) }
    case 'container': {
      const trustedProfile = profileOf(fields)
      if (trustedProfile === undefined) {
        throw invalid(`${from}: APIKEY is missing, or a trusted profile: IAM_PROFILE_ID or IAM_PROFILE_NAME`)
      }
      return { grant: ibmIam({ trustedProfile, tokenFile: fields.crtokenfilename, url }), ...clientOf(fields) }
    }
    case 'vpc': {
      const { iamprofileid: id, iamprofilecrn: crn, iamprofilename: name } = fields
      const trustedProfile = id ? { id } : crn ? { crn } : undefined
      if (trustedProfile === undefined && name !== undefined) {
        throw invalid(`${from}: the metadata service does not know IAM_PROFILE_NAME: use IAM_PROFILE_ID or _CRN`)
      }
      const version = fields.serviceversion ?? fields.vpcimsversion
      return { grant: ibmVpc({ trustedProfile, version, url }) }
    }
    case 'appid':
      return appId(fields, from)
    default: {
      const advice = others.get(type)
      const instead = advice === undefined ? '' : `, and cannot be ${type}: ${advice}`
      throw invalid(`${from}: AUTH_TYPE must be iam, container or vpc${instead}`)
    }
  }
}

/** As in IBM's SDKs; but for a credential of App ID, whose own API key is for its management, App ID. */
function impliedType(fields: Fields): string {
  const server = fields.oauthserverurl ?? fields.appidserviceendpoint ?? fields.discoveryendpoint ?? fields.serverurl
  if (server !== undefined && fields.clientid !== undefined) return 'appid'
  if (fields.apikey !== undefined) return 'iam'
  if (profileOf(fields) === undefined && fields.password !== undefined) return 'basic'
  return 'container'
}

/** The client of IAM that the request is sent for: both fields, or none, as in IBM's SDKs. */
function clientOf({ clientid: clientId, clientsecret: secret }: Fields): CredentialOptions {
  return clientId === undefined || secret === undefined ? {} : { clientId, secret }
}

/** By id if there is one, since only the id is valid everywhere. */
function profileOf({ iamprofileid: id, iamprofilename: name, iamprofilecrn: crn }: Fields) {
  return id ? { id } : crn ? { crn } : name ? { name } : undefined
}

function appId(fields: Fields, from: string): CredentialOptions {
  const credential = {
    oauthServerUrl: fields.oauthserverurl,
    appidServiceEndpoint: fields.appidserviceendpoint,
    discoveryEndpoint: fields.discoveryendpoint,
    serverUrl: fields.serverurl,
    version: fields.version ?? '4',
    tenantId: fields.tenantid,
  }
  const server = serverOfInstance({ source: from, name: from, credential })
  const { clientid: clientId, secret = fields.clientsecret, type = '' } = fields
  if (server === undefined || clientId === undefined) throw invalid(`${from}: OAUTH_SERVER_URL or CLIENT_ID is missing`)
  if (secret === undefined) {
    const reason = /^single-?page/i.test(type) ? ', since a single-page application has none' : ''
    throw new McaAuthError('MISSING_SECRET_ERROR', `${from}: the secret is missing${reason}`)
  }
  return server.kind === 'mca'
    ? { appId: fields.tenantid, clientId, secret, serverUrl: server.url.href }
    : { clientId, secret, oauthServerUrl: server.url.href }
}

function urlOf({ url, host, port = '443' }: Fields): string | undefined {
  return url ?? (host === undefined ? undefined : `https://${host}:${port}`)
}
