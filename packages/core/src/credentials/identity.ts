import { isPlain } from '../validate.js'
import { type CredentialPart, partOf } from './credential-part.js'

const ids = new WeakMap<object, number>()
let lastId = 0

/**
 * A text that is equal only for equal values, whatever they contain. Strings, numbers, booleans, lists and plain objects
 * are compared by content, without fields that are `undefined`; the results of `ibmIam()` and the like by their settings;
 * all other functions and objects by identity.
 * Every key under which a token is kept is built from it.
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const part = partOf(value)
  if (part !== undefined) return `@${canonical(part.settings)}`
  if (typeof value === 'function' || (typeof value === 'object' && value !== null)) {
    return isContent(value) ? `{${fieldsOf(value)}}` : `#${idOf(value)}`
  }
  // Quoted, so that a string cannot look like one of the other forms, or seem to end earlier.
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function fieldsOf(value: object): string {
  return Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
    .join(',')
}

/** An object with methods, such as a shared cache, is more than its content. */
function isContent(value: object): boolean {
  if (typeof value === 'function') return false
  return isPlain(value) && !Object.values(value).some((field) => typeof field === 'function')
}

function idOf(value: object): number {
  const known = ids.get(value)
  if (known !== undefined) return known
  ids.set(value, ++lastId)
  return lastId
}

/** The parts of an owner. */
export interface OwnerFields {
  readonly server: { readonly url: URL; readonly issuer?: string | undefined } | undefined
  readonly clientId: string | undefined
  readonly clientAuth: CredentialPart
  readonly grant: CredentialPart
  readonly identity: string | undefined
  /** Identifies the key that its tokens are bound to. */
  readonly thumbprint?: string | undefined
}

/** Whether another process can recognise it as the same: a function cannot be compared. */
export function isShareable({ clientAuth, grant, identity }: OwnerFields): boolean {
  return identity !== undefined || (clientAuth.isShareable && grant.isShareable)
}

/**
 * Identifies who requests a token, for a cache that others use as well: the server, the client, how it authenticates, the
 * grant, and a digest of the credentials. If it is wrong, callers get somebody else's token.
 */
export function ownerOf(
  { server, clientId, clientAuth, grant, identity, thumbprint }: OwnerFields,
  materialDigest: string,
): string {
  const how = [clientAuth.sharedSettings, grant.sharedSettings]
  const key = thumbprint === undefined ? [] : [thumbprint]
  return canonical([server?.url.href, server?.issuer, clientId, how, identity, materialDigest, ...key])
}
