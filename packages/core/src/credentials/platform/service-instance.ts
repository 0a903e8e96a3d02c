import type { Json } from './platform-text.js'

/** A service instance of the platform: its source, its name, and its credential as is. */
export interface ServiceInstance {
  readonly source: string
  readonly name: string
  readonly credential: Json
  /** Why no token can be requested with it, whatever the options say. */
  readonly unusable?: string | undefined
}

/** A source of the platform for credentials of bound services. */
export interface PlatformReader {
  /** Its environment variable, which is its name in messages and in the doctor. */
  readonly name: string
  /** Whether there is anything to read. */
  isSet(): boolean
  /** Everything in the environment about it: if it is the same, the same instances are found. */
  environment(): readonly (string | undefined)[]
  /**
   * The instances of our services, or those of this name, and those that cannot be used.
   *
   * @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` if its content cannot be read.
   */
  read(instanceName?: string): ServiceInstance[]
}

/**
 * Why no client can request tokens with this kind of credential, if that is so.
 *
 * @param service - the name by which the option `service` finds it, if it does.
 */
export function whyUnusable(credential: Json, service: string | undefined): string | undefined {
  const redacted = whyRedacted(credential)
  if (redacted !== undefined) return redacted
  if (!isApiKey(credential)) return undefined
  const option = service === undefined ? 'grant: ibmIam({ apikey })' : `service: ${quoted(service)}`
  return `it has an \`apikey\` and no \`clientId\`: for tokens of IBM Cloud IAM use \`${option}\``
}

/** Likewise, for a source that also has credentials of other services. */
export function whyNotOurs(credential: Json, service: string | undefined): string | undefined {
  return whyUnusable(credential, service) ?? ('clientId' in credential ? undefined : 'it has no `clientId`')
}

/** Whether it is for IBM Cloud IAM. App ID's own credential has an API key too, for its management API. */
export function isApiKey(credential: Json): boolean {
  return 'apikey' in credential && !('clientId' in credential)
}

/** A single-page application of App ID has no secret and cannot request tokens. */
export function isSinglePage({ type, secret }: Json): boolean {
  return typeof type === 'string' && /^single-?page/i.test(type) && !secret
}

/** IBM Cloud shows `{"REDACTED":"REDACTED"}` instead of a credential that the project may not see. */
export function whyRedacted(credential: Json): string | undefined {
  const isRedacted = Object.values(credential).some((value) => typeof value === 'string' && /^redacted$/i.test(value))
  return isRedacted
    ? 'it is REDACTED, since the project has no access: give its service ID access to the instance'
    : undefined
}

function quoted(name: string): string {
  return `'${name.replaceAll(/['\\]/g, '\\$&')}'`
}
