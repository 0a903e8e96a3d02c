import type { ClientAuth } from './client-authentication.js'
import { McaAuthError, type McaAuthErrorCode } from './error.js'
import type { McaAuthOptions } from './options.js'
import { isSecure } from './origin.js'
import { applicationId, findServiceInstance, readBindingFile, type ServiceInstance, searched } from './platform.js'
import { httpUrl } from './validate.js'

/** Who asks for tokens, and where. */
export interface Credentials {
  readonly tokenEndpoint: URL
  readonly clientId: string
  readonly secret: string | (() => string | Promise<string>) | undefined
  readonly clientAuth: 'client_secret_basic' | 'client_secret_basic_raw' | 'client_secret_post' | ClientAuth
}

type Server = { readonly kind: 'mca' | 'appid' | 'other'; readonly url: URL }

/**
 * Options override field by field; everything else comes from exactly one source. A secret is not taken from the
 * platform where the options name the client or the server: it belongs to another one.
 *
 * @throws McaAuthError where something is missing, a source is malformed, or the endpoint is plain http.
 */
export function resolveCredentials(options: McaAuthOptions): Credentials {
  const explicitServer = serverOf(options)
  const needsSecret = typeof options.clientAuth !== 'function'
  const complete =
    options.clientId !== undefined &&
    explicitServer !== undefined &&
    (options.secret !== undefined || !needsSecret) &&
    (explicitServer.kind !== 'mca' || options.appId !== undefined)
  const instance = complete ? undefined : findInstance(options)

  const server = explicitServer ?? (instance && serverOfInstance(instance))
  const tenantId = () => options.appId ?? text(instance?.credential.tenantId) ?? text(applicationId())
  const appId = server?.kind === 'mca' ? tenantId() : undefined
  const clientId = options.clientId ?? text(instance?.credential.clientId)
  const foreign = options.clientId !== undefined || explicitServer !== undefined
  const secret = options.secret ?? (foreign ? undefined : text(instance?.credential.secret))

  const where = instance ? `found no such field in ${instance.source}` : `found no instance in ${searched}`
  if (server?.kind === 'mca' && appId === undefined) {
    throw missing('MISSING_APPID_ERROR', 'appId', `${where}, and no application_id in VCAP_APPLICATION`)
  }
  if (clientId === undefined) throw missing('MISSING_CLIENTID_ERROR', 'clientId', where)
  if (secret === undefined && needsSecret) {
    const rule = "the platform's secret is not used where the options name the client or the server"
    throw missing('MISSING_SECRET_ERROR', 'secret', foreign ? rule : where)
  }
  if (server === undefined) {
    throw missing('MISSING_SERVER_URL_ERROR', 'serverUrl` (or `oauthServerUrl`, `tokenEndpoint)', where)
  }
  return {
    tokenEndpoint: secured(tokenEndpointOf(server, appId), options),
    clientId,
    secret,
    clientAuth: options.clientAuth ?? (server.kind === 'other' ? 'client_secret_basic' : 'client_secret_basic_raw'),
  }
}

function findInstance(options: McaAuthOptions): ServiceInstance | undefined {
  return options.bindingFile === undefined
    ? findServiceInstance(options.instanceName)
    : readBindingFile(options.bindingFile)
}

function serverOf(fields: Pick<McaAuthOptions, 'serverUrl' | 'oauthServerUrl' | 'oAuthServerUrl' | 'tokenEndpoint'>) {
  const appId = fields.oAuthServerUrl ?? fields.oauthServerUrl
  if (fields.tokenEndpoint !== undefined) return server('other', 'tokenEndpoint', fields.tokenEndpoint)
  if (appId !== undefined) return server('appid', 'oauthServerUrl', appId)
  if (fields.serverUrl === undefined) return undefined
  const { pathname } = httpUrl('serverUrl', fields.serverUrl)
  return server(/^\/oauth\/v[34]\//.test(pathname) ? 'appid' : 'mca', 'serverUrl', fields.serverUrl)
}

/** MCA's own `tokenEndpoint` field is left alone: it serves the authorization-code grant only. */
function serverOfInstance({ credential, source }: ServiceInstance): Server | undefined {
  const discovery = text(credential.discoveryEndpoint)?.replace(/\/\.well-known\/openid-configuration$/, '')
  const { appidServiceEndpoint: endpoint, version, tenantId } = credential
  const built = endpoint && version && tenantId ? `${text(endpoint)}/oauth/v${version}/${tenantId}` : undefined
  try {
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

function tokenEndpointOf({ kind, url }: Server, appId: string | undefined): URL {
  if (kind === 'other') return url
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  return new URL(
    kind === 'appid' ? `${base}/token` : `${base}/authorization/v1/apps/${encodeURIComponent(appId ?? '')}/token`,
  )
}

function secured(endpoint: URL, options: McaAuthOptions): URL {
  if (isSecure(endpoint.origin) || options.allowInsecureRequests === true) return endpoint
  throw new McaAuthError(
    'INSECURE_TRANSPORT',
    `the token endpoint on ${endpoint.origin} is plain http: use https, or set \`allowInsecureRequests: true\``,
  )
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}

function missing(code: McaAuthErrorCode, option: string, where: string): McaAuthError {
  return new McaAuthError(code, `\`${option}\` is missing: not in the options; ${where}`)
}
