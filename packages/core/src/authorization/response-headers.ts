/**
 * The headers of a response in any of the forms that HTTP clients have: an object with `get()` (fetch's `Headers`), a
 * record with lower-case names, alternating names and values (Node's `rawHeaders`, undici 6, in bytes), or none at all, as
 * in responses of mocks.
 */
export type ResponseHeaders =
  | { get(name: string): unknown }
  | Readonly<Record<string, unknown>>
  | readonly unknown[]
  | null
  | undefined

/** The values of a header; `name` in lower case. */
export function headerValues(headers: ResponseHeaders, name: string): string[] {
  if (headers === null || headers === undefined) return []
  if (Array.isArray(headers)) return valuesInTurn(headers, name)
  const { get } = headers as { get?: unknown }
  const value = typeof get === 'function' ? get.call(headers, name) : recordValue(headers, name)
  return value === null || value === undefined || value === false ? [] : [value].flat().map(latin1)
}

/** Clients use lower-case names, mocks the spelling of the test's author. */
function recordValue(headers: object, name: string): unknown {
  const record = headers as Readonly<Record<string, unknown>>
  if (record[name] !== undefined) return record[name]
  for (const other in record) if (other.length === name.length && other.toLowerCase() === name) return record[other]
  return undefined
}

function valuesInTurn(headers: readonly unknown[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (latin1(headers[i]).toLowerCase() === name) values.push(...[headers[i + 1]].flat().map(latin1))
  }
  return values
}

function latin1(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
}
