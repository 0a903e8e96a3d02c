import { McaAuthError } from '../error.js'
import { isSecure } from '../origin.js'
import { httpUrl } from '../validate.js'
import type { CredentialOptions } from './credential-options.js'
import type { ServiceInstance } from './platform/service-instance.js'

/** The authorization server; its kind decides the path of the token endpoint and how the client authenticates. */
export interface Server {
  /** Its kind; `issuer` if its metadata must be looked up. */
  readonly kind: 'mca' | 'appid' | 'iam' | 'vpc' | 'other' | 'issuer'
  /** The server, its token endpoint, or the issuer whose metadata names it. */
  readonly url: URL
  /** The issuer as given, since it is compared as text (RFC 8414 §3.3). */
  readonly issuer?: string | undefined
  /** More endpoints of a server that has several. */
  readonly further?: readonly URL[] | undefined
}

export function serverOf(
  fields: Pick<CredentialOptions, 'serverUrl' | 'oauthServerUrl' | 'oAuthServerUrl' | 'tokenEndpoint' | 'issuer'>,
): Server | undefined {
  const appId = fields.oAuthServerUrl ?? fields.oauthServerUrl
  const issuer = fields.issuer?.trim()
  if (fields.tokenEndpoint !== undefined) return { ...server('other', 'tokenEndpoint', fields.tokenEndpoint), issuer }
  if (issuer !== undefined) {
    const url = httpUrl('issuer', issuer)
    // App ID's token endpoint is known without a lookup.
    return isAppId(url) ? { kind: 'appid', url } : { kind: 'issuer', url, issuer }
  }
  if (appId !== undefined) return server('appid', 'oauthServerUrl', appId)
  if (fields.serverUrl === undefined) return undefined
  return server(isAppId(httpUrl('serverUrl', fields.serverUrl)) ? 'appid' : 'mca', 'serverUrl', fields.serverUrl)
}

function isAppId({ pathname }: URL): boolean {
  return /^\/oauth\/v[34]\//.test(pathname)
}

/**
 * The server that an instance's credential names. MCA's own `tokenEndpoint` field is ignored: it is only for
 * the authorization-code grant.
 */
export function serverOfInstance({ credential, source }: ServiceInstance): Server | undefined {
  const discovery = text(credential.discoveryEndpoint)?.replace(/\/+\.well-known\/openid-configuration\/*$/, '')
  const { appidServiceEndpoint, version, tenantId } = credential
  const endpoint = text(appidServiceEndpoint)?.trim().replace(/\/+$/, '')
  const built = endpoint && version && tenantId ? `${endpoint}/oauth/v${version}/${tenantId}` : undefined
  try {
    const tokenUri = text(credential.tokenUri)
    const issuerUri = text(credential.issuerUri)
    if (tokenUri !== undefined || issuerUri !== undefined) {
      return serverOf({ tokenEndpoint: tokenUri, issuer: issuerUri })
    }
    return serverOf({
      oAuthServerUrl: text(credential.oAuthServerUrl) ?? text(credential.oauthServerUrl) ?? built ?? discovery,
      serverUrl: text(credential.serverUrl),
    })
  } catch (error) {
    throw new McaAuthError('INVALID_CREDENTIALS_SOURCE', `${source}: ${(error as TypeError).message}`)
  }
}

function server(kind: Server['kind'], option: string, url: string): Server {
  return { kind, url: httpUrl(option, url) }
}

export function tokenEndpointOf({ kind, url }: Server, appId: string | undefined): URL {
  if (kind !== 'mca' && kind !== 'appid') return url
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  return new URL(
    kind === 'appid' ? `${base}/token` : `${base}/authorization/v1/apps/${encodeURIComponent(appId ?? '')}/token`,
  )
}

export function secured(endpoint: URL, kind: Server['kind'], allowInsecureRequests: boolean): URL {
  // The metadata service's address is link-local: a request to it does not leave the host.
  const isSafe = isSecure(endpoint.origin) || (kind === 'vpc' && endpoint.hostname === '169.254.169.254')
  if (isSafe || allowInsecureRequests) return endpoint
  throw new McaAuthError(
    'INSECURE_TRANSPORT',
    `the ${kind === 'issuer' ? 'issuer' : 'token endpoint'} on ${endpoint.origin} is plain http: use https, or set ` +
      '`allowInsecureRequests: true`',
  )
}

/** A string with content. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}
