import { type BoundService, boundServices } from './bound-services.js'
import { credentialsFilePlaces, ibmCredentialsFile } from './ibm-credentials-file.js'
import { mountedCredentials } from './mounted-binding.js'
import { invalid } from './platform-text.js'
import { whyRedacted } from './service-instance.js'

/** How a service of IBM Cloud is configured, from one source. */
export interface ServiceConfiguration {
  /** The source, and the instance there if it has several. */
  readonly from: string
  /** By name, in lower case and without `_` and `-`, since spellings differ: `apikey`, `iamprofileid`. */
  readonly fields: Readonly<Record<string, string>>
}

/** IBM Cloud's names of services whose SDKs have shorter names. */
const labels: ReadonlyMap<string, string> = new Map([
  ['cloudant', 'cloudantnosqldb'],
  ['event-streams', 'messagehub'],
  ['key-protect', 'kms'],
])

/** Without one of these fields, variables are ignored: others with the same prefix may be the program's own. */
const decisive =
  /^(authtype|apikey|iamprofile(id|name|crn)|authurl|url|host|username|password|bearertoken|clientid|oauthserverurl)$/

/**
 * The configuration of a service, from the first source that has one: the credentials file of IBM's SDKs, variables with
 * its name as prefix, the bindings of Code Engine, Cloud Foundry and Kubernetes by the name of the instance or binding,
 * then by the name of the service. Sources are never combined.
 *
 * @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` if there is none, if it cannot be read, or if several match.
 */
export function findServiceConfiguration(service: string): ServiceConfiguration {
  const file = ibmCredentialsFile()
  const found =
    (file && withPrefix(service, file.variables, file.path)) ??
    withPrefix(service, process.env) ??
    inBindings('CE_SERVICES', boundServices('CE_SERVICES'), service) ??
    inBindings('VCAP_SERVICES', boundServices('VCAP_SERVICES'), service) ??
    inBindings('SERVICE_BINDING_ROOT', mountedServices(), service)
  if (found !== undefined) return found
  const [prefix] = prefixesOf(service)
  const places = `${file?.path ?? 'ibm-credentials.env'}, ${prefix}*, CE_SERVICES, VCAP_SERVICES and SERVICE_BINDING_ROOT`
  throw invalid(`the service ${JSON.stringify(service)} is not configured: not found in ${places}`)
}

/** Everything in the environment about a service: if it is the same, the same configuration is found. */
export function serviceEnvironment(service: string): readonly unknown[] {
  const prefixes = prefixesOf(service)
  const own = Object.entries(process.env).filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix)))
  const sources = ['CE_SERVICES', 'VCAP_SERVICES', 'SERVICE_BINDING_ROOT']
  return [own, ...sources.map((name) => process.env[name]), credentialsFilePlaces()]
}

function namesOf(service: string): string[] {
  const label = labels.get(spelling(service))
  return label === undefined ? [service] : [service, label]
}

/** The prefixes of the variables: IBM's SDKs derive one from the name, Code Engine one from the label. */
function prefixesOf(service: string): string[] {
  return namesOf(service).map((name) => `${name.toUpperCase().replaceAll('-', '_')}_`)
}

function withPrefix(
  service: string,
  variables: Readonly<Record<string, string | undefined>>,
  path?: string,
): ServiceConfiguration | undefined {
  for (const prefix of prefixesOf(service)) {
    const own = Object.entries(variables).filter(([name]) => name.startsWith(prefix))
    const fields = fieldsOf(own.map(([name, value]) => [name.slice(prefix.length), value]))
    if (Object.keys(fields).some((name) => decisive.test(name))) return { from: path ?? `${prefix}*`, fields }
  }
  return undefined
}

/** In servicebinding.io, `type` names the service. */
function mountedServices(): BoundService[] {
  return mountedCredentials().map(({ name, fields }) => ({
    label: String(fields.type ?? ''),
    name,
    credential: fields,
  }))
}

function inBindings(variable: string, all: readonly BoundService[], service: string): ServiceConfiguration | undefined {
  const bound = only(variable, byName(all, service)) ?? only(variable, byLabel(all, service))
  if (bound === undefined) return undefined
  const unusable = whyRedacted(bound.credential)
  if (unusable !== undefined) {
    throw invalid(`${JSON.stringify(bound.name)} in ${variable} cannot be used: ${unusable}`)
  }
  return { from: `${variable}, instance ${bound.name}`, fields: fieldsOf(Object.entries(bound.credential)) }
}

function byName(all: readonly BoundService[], service: string): BoundService[] {
  return all.filter(({ name }) => name === service)
}

function byLabel(all: readonly BoundService[], service: string): BoundService[] {
  const wanted = namesOf(service).map(spelling)
  return all.filter(({ label }) => wanted.includes(spelling(label)))
}

function only(variable: string, matching: readonly BoundService[]): BoundService | undefined {
  if (matching.length < 2) return matching[0]
  const names = matching.map(({ name }) => name).join(', ')
  throw invalid(`${variable} has several matching instances (${names}): name one of them with \`service\``)
}

function spelling(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}

/** Only texts: other fields of a credential are not about tokens. */
function fieldsOf(entries: readonly (readonly [name: string, value: unknown])[]): Record<string, string> {
  const texts = entries
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([name, value]) => [name.toLowerCase().replaceAll(/[_-]/g, ''), String(value).trim()] as const)
  return Object.fromEntries(texts.filter(([, value]) => value !== ''))
}
