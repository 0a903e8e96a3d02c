import type { AuthorizationHeaders } from '@mca-auth/core/adapter'

/** Headers in a form that can be read twice: a record, or alternating names and values. `undefined`: none. */
export type ReadableHeaders = Readonly<Record<string, unknown>> | readonly unknown[] | undefined

/** Every shape that undici accepts, and arrays of pairs, which only its types allow. Iterators are read here, once. */
export function readableHeaders(headers: unknown): ReadableHeaders {
  if (headers === undefined || headers === null) return undefined
  if (Array.isArray(headers)) return Array.isArray(headers[0]) ? headers.flat() : headers
  const iterable = headers as Partial<Iterable<[string, unknown]>>
  return typeof iterable[Symbol.iterator] === 'function'
    ? recordOf(iterable as Iterable<[string, unknown]>)
    : (headers as Readonly<Record<string, unknown>>)
}

/** Some layers beneath accept only a record. */
function recordOf(entries: Iterable<[string, unknown]>): Readonly<Record<string, unknown>> {
  const record: Record<string, unknown> = {}
  for (const [name, value] of entries) {
    record[name] = Object.hasOwn(record, name) ? [record[name], value].flat() : value
  }
  return record
}

/** The value of a header, by its lower-case name. */
export function headerOf(headers: ReadableHeaders, name: string): unknown {
  if (headers === undefined) return undefined
  if (Array.isArray(headers)) {
    for (let i = 0; i < headers.length; i += 2) if (is(String(headers[i]), name)) return headers[i + 1]
    return undefined
  }
  const record = headers as Readonly<Record<string, unknown>>
  for (const other in record) if (is(other, name) && record[other] !== undefined) return record[other]
  return undefined
}

/** A copy, since the caller's headers must not change; a record, since some layers beneath accept nothing else. */
export function withAuthorization(
  headers: ReadableHeaders,
  { authorization, dpop }: AuthorizationHeaders,
): ReadableHeaders {
  if (authorization === undefined) return headers
  const record = (Array.isArray(headers) ? recordOf(pairsOf(headers)) : headers) as Record<string, unknown> | undefined
  const copy: Record<string, unknown> = {}
  for (const name in record) {
    if (!is(name, 'authorization') && (dpop === undefined || !is(name, 'dpop'))) copy[name] = record[name]
  }
  copy.authorization = authorization
  if (dpop !== undefined) copy.dpop = dpop
  return copy
}

function* pairsOf(flat: readonly unknown[]): Generator<[string, unknown]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [String(flat[i]), flat[i + 1]]
}

function is(written: string, name: string): boolean {
  return written.length === name.length && written.toLowerCase() === name
}
