import { isObject, type Json, parseObject } from './platform-text.js'
import { isApiKey, type PlatformReader, type ServiceInstance, whyUnusable } from './service-instance.js'

/** An instance in VCAP_SERVICES or CE_SERVICES. */
export interface BoundService {
  readonly label: string
  readonly name: string
  readonly credential: Json
}

/** Reads a variable that holds the credentials of all bound services, by label. */
export function boundServicesReader(variable: string, others: readonly string[] = []): PlatformReader {
  return {
    name: variable,
    isSet: () => Boolean(process.env[variable]),
    environment: () => [variable, ...others].map((name) => process.env[name]),
    read: (name) => instancesOf(variable, name),
  }
}

/** All instances with a credential, whatever their service. */
export function boundServices(variable: string): BoundService[] {
  const text = process.env[variable]
  if (!text) return []
  return Object.entries(parseObject(text, variable)).flatMap(([label, instances]) =>
    (Array.isArray(instances) ? instances : [])
      .filter((instance) => isObject(instance))
      .flatMap(({ name, credentials: credential }) =>
        isObject(credential) ? [{ label, name: String(name ?? label), credential }] : [],
      ),
  )
}

/** The instances of App ID and MCA, or of any service if they have this name. */
function instancesOf(variable: string, wanted: string | undefined): ServiceInstance[] {
  return boundServices(variable)
    .filter(({ label, name, credential }) =>
      // An API key of another service is not one of our credentials, but a message should mention it.
      wanted === undefined ? isOurs(label) || isApiKey(credential) : name === wanted,
    )
    .map(({ name, credential }) => ({ source: variable, name, credential, unusable: whyUnusable(credential, name) }))
}

function isOurs(label: string): boolean {
  return label.startsWith('AdvancedMobileAccess') || label.startsWith('AppID') || label.toLowerCase() === 'appid'
}
