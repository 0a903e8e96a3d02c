import type { AuthorizationHeaders } from '@mca-auth/core/adapter'

/** The forms of headers that fetch accepts, after reading; each keeps the caller's spelling of names. */
export type HeaderForm = Headers | readonly unknown[] | Readonly<Record<string, unknown>> | undefined

/** A copy: later changes by the caller are not sent, and an iterator can be read only once. */
export function readHeaders(given: unknown): HeaderForm {
  if (given === undefined || given === null) return undefined
  // Anything but an object is an error, which the fetch itself reports.
  if (typeof given !== 'object') return given as never
  if (isHeaders(given)) return copyOf(given)
  if (Symbol.iterator in given) {
    return Array.from(given as Iterable<unknown>, (pair) => (isIterable(pair) ? [...pair] : pair))
  }
  return { ...given }
}

/** Whether the standard's fetch accepts them. Others are more tolerant, and some less. */
export function areValid(headers: HeaderForm): boolean {
  if (headers === undefined || isHeaders(headers)) return true
  try {
    new Headers(headers as Record<string, string>)
    return true
  } catch {
    return false
  }
}

/** Whether reading it has used it up. */
export function isIterator(given: unknown): boolean {
  return typeof (given as Iterator<unknown> | null | undefined)?.next === 'function'
}

/** The value of a header, by its lower-case name. */
export function headerOf(headers: HeaderForm, name: string): unknown {
  if (isHeaders(headers)) return headers.get(name) ?? undefined
  return entriesOf(headers).find(([other]) => is(other, name))?.[1]
}

export function withAuthorization(headers: HeaderForm, added: AuthorizationHeaders): HeaderForm {
  const names = Object.keys(added)
  const others = names.length === 0 ? headers : withoutHeaders(headers, names)
  if (isHeaders(others)) {
    const copy = copyOf(others)
    for (const [name, value] of Object.entries(added)) copy.set(name, value)
    return copy
  }
  return Array.isArray(others) ? [...others, ...Object.entries(added)] : { ...others, ...added }
}

/** Names in lower case. */
export function withoutHeaders(headers: HeaderForm, names: readonly string[]): HeaderForm {
  if (isHeaders(headers)) {
    const copy = copyOf(headers)
    for (const name of names) copy.delete(name)
    return copy
  }
  const others = entriesOf(headers).filter(([other]) => !names.some((name) => is(other, name)))
  return Array.isArray(headers) ? others : Object.fromEntries(others)
}

function entriesOf(headers: HeaderForm): readonly (readonly [unknown, unknown])[] {
  return Array.isArray(headers) ? headers : Object.entries((headers ?? {}) as Readonly<Record<string, unknown>>)
}

/** A subclass may prevent copying or changing, so its headers are read as pairs. */
function isHeaders(headers: unknown): headers is Headers {
  const { constructor: itsClass } = (headers ?? {}) as object
  return itsClass?.name === 'Headers' && typeof (headers as Headers).delete === 'function'
}

/** A copy of the same class: the classes of undici and node-fetch keep the spelling of names. */
function copyOf(headers: Headers): Headers {
  return new (headers.constructor as typeof Headers)(headers)
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

function is(written: unknown, name: string): boolean {
  return String(written).toLowerCase() === name
}
