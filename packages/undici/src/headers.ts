/** Headers in a form that can be read twice: a record, or names and values in turn. */
export type ReadableHeaders = Readonly<Record<string, unknown>> | readonly unknown[]

/** Every shape that undici takes, and arrays of pairs, which only its types allow. Iterators are read here, once. */
export function readableHeaders(headers: unknown): ReadableHeaders {
  if (headers === undefined || headers === null) return []
  if (Array.isArray(headers)) return Array.isArray(headers[0]) ? headers.flat() : headers
  const iterable = headers as Partial<Iterable<[unknown, unknown]>>
  if (typeof iterable[Symbol.iterator] === 'function')
    return Array.from(iterable as Iterable<[unknown, unknown]>).flat()
  return headers as Readonly<Record<string, unknown>>
}

export function hasAuthorization(headers: ReadableHeaders): boolean {
  if (Array.isArray(headers)) {
    for (let i = 0; i < headers.length; i += 2) if (isAuthorization(String(headers[i]))) return true
    return false
  }
  for (const name in headers) {
    if (isAuthorization(name) && (headers as Record<string, unknown>)[name] !== undefined) return true
  }
  return false
}

/** A copy: the caller's headers are not ours to change. */
export function withAuthorization(headers: ReadableHeaders, value: string): ReadableHeaders {
  return Array.isArray(headers) ? [...headers, 'authorization', value] : { ...headers, authorization: value }
}

function isAuthorization(name: string): boolean {
  return name.length === 13 && name.toLowerCase() === 'authorization'
}
