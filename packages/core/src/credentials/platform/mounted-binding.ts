import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { invalid, isObject, type Json, parseObject, readText } from './platform-text.js'
import { type PlatformReader, type ServiceInstance, whyNotOurs, whyUnusable } from './service-instance.js'

/** servicebinding.io: a directory per binding, a file per key; or one file `binding` that holds the JSON. */
export const mountedBindings: PlatformReader = {
  name: 'SERVICE_BINDING_ROOT',
  isSet: () => Boolean(process.env.SERVICE_BINDING_ROOT),
  environment: () => [process.env.SERVICE_BINDING_ROOT],
  read: (wanted) => {
    return mountedCredentials()
      .filter(({ name }) => wanted === undefined || name === wanted)
      .map(({ name, fields }) => {
        const credential = isOauth2(fields) ? fromOauth2(fields) : fields
        const unusable = (isOauth2(fields) ? whyNotForServices(fields) : undefined) ?? whyNotOurs(credential, name)
        return { source: 'SERVICE_BINDING_ROOT', name, credential, unusable }
      })
  },
}

/** All bindings, whatever their service. */
export function mountedCredentials(): { readonly name: string; readonly fields: Json }[] {
  const root = process.env.SERVICE_BINDING_ROOT
  if (!root) return []
  const names = directory(root).filter((entry) => !entry.startsWith('..'))
  return names.map((name) => ({ name, fields: fieldsOf(join(root, name)) }))
}

/** The credential in a file: flat, as Kubernetes Service mounts it, or in an envelope, as in VCAP_SERVICES. */
export function readBindingFile(path: string): ServiceInstance {
  const credential = credentialIn(parseObject(readText(path), path))
  return { source: path, name: path, credential, unusable: whyUnusable(credential, undefined) }
}

/** Without the envelope that VCAP_SERVICES puts around it. */
export function credentialIn(json: Json): Json {
  return isObject(json.credentials) ? json.credentials : json
}

function fieldsOf(path: string): Json {
  const keys = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? directory(path) : []
  if (keys.includes('binding')) return readBindingFile(join(path, 'binding')).credential
  const files = keys.filter((key) => statSync(join(path, key), { throwIfNoEntry: false })?.isFile())
  return Object.fromEntries(files.map((key) => [key, readText(join(path, key)).trim()]))
}

/** A client of any authorization server, as in Spring's bindings. */
function isOauth2({ type }: Json): boolean {
  return typeof type === 'string' && type.toLowerCase() === 'oauth2'
}

function fromOauth2(fields: Json): Json {
  const credential = {
    clientId: fields['client-id'],
    secret: fields['client-secret'],
    tokenUri: fields['token-uri'],
    issuerUri: fields['issuer-uri'],
    clientAuth: fields['client-authentication-method'],
  }
  return Object.fromEntries(Object.entries(credential).filter(([, value]) => value !== undefined))
}

/** A binding may list the grants that the server allows: if so, ours must be among them. */
function whyNotForServices(fields: Json): string | undefined {
  const grants = fields['authorization-grant-types'] ?? fields['authorization-grant-type']
  if (typeof grants !== 'string' || /\bclient_credentials\b/.test(grants)) return undefined
  return 'its `authorization-grant-types` does not include client_credentials'
}

function directory(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch {
    throw invalid(`the directory ${path} of SERVICE_BINDING_ROOT cannot be read`)
  }
}
