import { credentialIn } from './mounted-binding.js'
import { type Json, objectIn } from './platform-text.js'
import { type PlatformReader, type ServiceInstance, whyNotOurs } from './service-instance.js'

/** Fields of a credential, each with the variables that may hold it, in the spellings of Code Engine and of users. */
const prefixed: Readonly<Record<string, readonly string[]>> = {
  clientId: ['APPID_CLIENTID', 'APPID_CLIENT_ID'],
  secret: ['APPID_SECRET', 'APPID_CLIENTSECRET', 'APPID_CLIENT_SECRET'],
  tenantId: ['APPID_TENANTID', 'APPID_TENANT_ID'],
  oauthServerUrl: ['APPID_OAUTHSERVERURL', 'APPID_OAUTH_SERVER_URL'],
  appidServiceEndpoint: ['APPID_APPIDSERVICEENDPOINT', 'APPID_APPID_SERVICE_ENDPOINT'],
  discoveryEndpoint: ['APPID_DISCOVERYENDPOINT', 'APPID_DISCOVERY_ENDPOINT'],
  version: ['APPID_VERSION'],
  type: ['APPID_TYPE'],
  apikey: ['APPID_APIKEY'],
}

/** Code Engine's bindings with a prefix: `APPID_CLIENTID` and so on. */
export const prefixVariables: PlatformReader = {
  name: 'APPID_*',
  isSet: () => Object.keys(readPrefixed()).length > 0,
  environment: () => [...Object.values(prefixed).flat(), 'APPID_SERVICENAME'].map((name) => process.env[name]),
  read: (wanted) => {
    const credential = readPrefixed()
    if (Object.keys(credential).length === 0) return []
    const name = process.env.APPID_SERVICENAME || 'APPID_*'
    return named(wanted, { source: 'APPID_*', name, credential }, 'appid')
  },
}

/** The IBM Cloud Operator's secrets with `envFrom`. Their names are common ones, so both must be present. */
const required = ['clientId', 'oauthServerUrl'] as const
const optional = ['secret', 'tenantId', 'type'] as const
const operatorName = required.join('+')

/** Variables named like the fields of App ID's credential. */
export const operatorVariables: PlatformReader = {
  name: operatorName,
  isSet: () => required.every((name) => process.env[name]),
  environment: () => [...required, ...optional].map((name) => process.env[name]),
  read: (wanted) => {
    if (!operatorVariables.isSet()) return []
    const fields = [...required, ...optional].map((name) => [name, process.env[name]] as const)
    const credential = Object.fromEntries(fields.filter(([, value]) => value))
    return named(wanted, { source: operatorName, name: operatorName, credential })
  },
}

/** A secret of Kubernetes Service as a variable: the credential as JSON. The name is a common one: it may contain anything. */
export const jsonVariable: PlatformReader = {
  name: 'BINDING',
  isSet: () => Boolean(process.env.BINDING),
  environment: () => [process.env.BINDING],
  read: (wanted) => {
    const text = process.env.BINDING
    if (!text) return []
    const json = objectIn(text)
    const name = typeof json?.name === 'string' ? json.name : 'BINDING'
    const credential = json === undefined ? {} : credentialIn(json)
    const unusable = json === undefined ? 'it is not a JSON object' : undefined
    return named(wanted, { source: 'BINDING', name, credential, unusable })
  },
}

function readPrefixed(): Json {
  const fields = Object.entries(prefixed).map(
    ([field, names]) => [field, names.map((name) => process.env[name]).find(Boolean)] as const,
  )
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined))
}

/** @param service - the name by which the option `service` finds it. */
function named(wanted: string | undefined, instance: ServiceInstance, service?: string): ServiceInstance[] {
  if (wanted !== undefined && wanted !== instance.name) return []
  return [{ ...instance, unusable: instance.unusable ?? whyNotOurs(instance.credential, service) }]
}
