import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { McaAuthError } from '../error.js'

/** A service instance that the platform offers: where it was found, its name, and its credential as is. */
export interface ServiceInstance {
  readonly source: string
  readonly name: string
  readonly credential: Readonly<Record<string, unknown>>
  /** Why no token can be requested with it, whatever the options say. */
  readonly unusable?: string | undefined
}

/** One place where a platform puts the credentials of bound services. */
export interface PlatformReader {
  /** Its environment variable, by which messages and the doctor call it. */
  readonly name: string
  /** All environment variables that its instances depend on. */
  readonly variables: readonly string[]
  /**
   * The instances of our services, or those of this name, and those that cannot be used.
   *
   * @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` if what is there cannot be read.
   */
  read(instanceName?: string): ServiceInstance[]
}

type Json = Readonly<Record<string, unknown>>

/** In the order in which they are read; the first that has an instance is the only one used. */
export const platformReaders: readonly PlatformReader[] = [
  // VCAP_APPLICATION may complete an instance: see `applicationId()`.
  servicesReader('VCAP_SERVICES', ['VCAP_SERVICES', 'VCAP_APPLICATION']),
  servicesReader('CE_SERVICES', ['CE_SERVICES']),
  { name: 'SERVICE_BINDING_ROOT', variables: ['SERVICE_BINDING_ROOT'], read: fromServiceBindingRoot },
]

/** All that the environment says about the platform: if it is the same, the same instances are found. */
export function platformEnvironment(): readonly (string | undefined)[] {
  return platformReaders.flatMap(({ variables }) => variables.map((name) => process.env[name]))
}

/** The readers' names as a message lists them. */
export const readerNames: string = platformReaders
  .map(({ name }) => name)
  .join(', ')
  .replace(/, (\w+)$/, ' and $1')

/**
 * The one instance that the platform offers, by name if one is given. `unusable`: those that were seen and cannot be
 * used, for a message.
 */
export function findServiceInstance(name: string | undefined): {
  readonly instance?: ServiceInstance
  readonly unusable: readonly ServiceInstance[]
} {
  const unusable: ServiceInstance[] = []
  for (const reader of platformReaders) {
    const instances = reader.read(name)
    const usable = instances.filter((instance) => instance.unusable === undefined)
    unusable.push(...instances.filter((instance) => instance.unusable !== undefined))
    if (usable.length > 1) {
      const names = usable.map((instance) => instance.name).join(', ')
      throw invalid(`${reader.name} has several matching instances (${names}): choose one with \`instanceName\``)
    }
    if (usable[0] !== undefined) return { instance: usable[0], unusable }
  }
  if (name !== undefined) {
    throw invalid(`no instance named ${JSON.stringify(name)} in ${readerNames}${unusableNote(unusable)}`)
  }
  return { unusable }
}

/** Names the instances that were seen and cannot be used, with the reasons. */
export function unusableNote(unusable: readonly ServiceInstance[]): string {
  const reasons = unusable.map(
    ({ source, name, unusable: reason }) => `${JSON.stringify(name)} in ${source}: ${reason}`,
  )
  return reasons.length === 0 ? '' : ` that can be used (${reasons.join('; ')})`
}

/** The credential in a file: flat, as Kubernetes Service mounts it, or in an envelope, as in VCAP_SERVICES. */
export function readBindingFile(path: string): ServiceInstance {
  const json = parse(readText(path), path)
  const credential = isObject(json.credentials) ? json.credentials : json
  return { source: path, name: path, credential, unusable: redaction(credential) }
}

/** `application_id` of VCAP_APPLICATION, which the published module took for the tenant id. */
export function applicationId(): unknown {
  const text = process.env.VCAP_APPLICATION
  return text ? parse(text, 'VCAP_APPLICATION').application_id : undefined
}

function servicesReader(name: string, variables: readonly string[]): PlatformReader {
  return { name, variables, read: (instanceName) => fromServices(name, instanceName) }
}

function fromServices(variable: string, name: string | undefined): ServiceInstance[] {
  const text = process.env[variable]
  if (!text) return []
  return Object.entries(parse(text, variable)).flatMap(([label, instances]) =>
    (Array.isArray(instances) ? instances : [])
      .filter((instance) => isObject(instance))
      .filter((instance) => (name === undefined ? isOurs(label) : instance.name === name))
      .flatMap(({ name: own, credentials: credential }) =>
        isObject(credential)
          ? [{ source: variable, name: String(own ?? label), credential, unusable: redaction(credential) }]
          : [],
      ),
  )
}

function isOurs(label: string): boolean {
  return label.startsWith('AdvancedMobileAccess') || label.startsWith('AppID') || label.toLowerCase() === 'appid'
}

/** servicebinding.io: a directory per binding, a file per key; or one file `binding` that holds the JSON. */
function fromServiceBindingRoot(name?: string): ServiceInstance[] {
  const root = process.env.SERVICE_BINDING_ROOT
  if (!root) return []
  return directory(root)
    .filter((entry) => !entry.startsWith('..') && (name === undefined || entry === name))
    .map((entry) => {
      const credential = fromBinding(join(root, entry))
      const unusable = redaction(credential) ?? ('clientId' in credential ? undefined : 'it has no `clientId`')
      return { source: 'SERVICE_BINDING_ROOT', name: entry, credential, unusable }
    })
}

/** IBM Cloud shows `{"REDACTED":"REDACTED"}` instead of a credential that the project may not see. */
function redaction(credential: Json): string | undefined {
  const isRedacted = Object.values(credential).some((value) => typeof value === 'string' && /^redacted$/i.test(value))
  return isRedacted
    ? 'it is REDACTED, since the project has no access: give its service ID access to the instance'
    : undefined
}

function fromBinding(path: string): Json {
  const keys = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? directory(path) : []
  if (keys.includes('binding')) return readBindingFile(join(path, 'binding')).credential
  const files = keys.filter((key) => statSync(join(path, key), { throwIfNoEntry: false })?.isFile())
  return Object.fromEntries(files.map((key) => [key, readText(join(path, key)).trim()]))
}

function directory(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch {
    throw invalid(`the directory ${path} of SERVICE_BINDING_ROOT can't be read`)
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(`${path} can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
}

/** The parser's own error is dropped: it quotes what it read. */
function parse(text: string, where: string): Json {
  try {
    const json: unknown = JSON.parse(text)
    if (isObject(json)) return json
  } catch {}
  throw invalid(`${where} is not a JSON object`)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(message: string): McaAuthError {
  return new McaAuthError('INVALID_CREDENTIALS_SOURCE', message)
}
