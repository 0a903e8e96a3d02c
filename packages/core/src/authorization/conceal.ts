import { inspect } from 'node:util'

/**
 * Hides a token in an error of another layer, which may carry the request. The properties that would show it remain, but
 * are no longer enumerable: neither `inspect` nor `JSON.stringify` nor a logger that copies properties prints it.
 */
export function conceal(error: unknown, header: string | undefined): unknown {
  if (header === undefined) return error
  const token = header.slice(header.indexOf(' ') + 1)
  if (typeof error === 'string') return error.replaceAll(token, '[redacted]')
  if (typeof error !== 'object' || error === null) return error
  try {
    concealAll(error, token, new Set())
    if (jsonOf(error).includes(token)) {
      const { name, message, code } = error as { name?: unknown; message?: unknown; code?: unknown }
      Object.defineProperty(error, 'toJSON', { value: () => ({ name, message, code }) })
    }
    if (!shows(error, token)) return error
  } catch {
    // Frozen.
  }
  return new TypeError('the request failed with an error that shows the request and cannot be changed')
}

/** The same for a response: a standard Response does not contain the request, others have it in a property. */
export function concealIn(response: unknown, header: string | undefined): void {
  if (typeof response !== 'object' || response === null || header === undefined) return
  const token = header.slice(header.indexOf(' ') + 1)
  for (const name of Object.keys(response)) hide(response, name, token)
}

/** An error with its causes. */
function concealAll(error: object, token: string, seen: Set<object>): void {
  if (seen.has(error)) return
  seen.add(error)
  for (const name of ['message', 'stack', ...Object.keys(error)]) hide(error, name, token)
  const { cause, errors } = error as { cause?: unknown; errors?: unknown }
  for (const inner of [cause, ...(Array.isArray(errors) ? errors : [])]) {
    if (typeof inner === 'object' && inner !== null) concealAll(inner, token, seen)
  }
}

function hide(owner: object, name: string, token: string): void {
  const value = (owner as Record<string, unknown>)[name]
  if (typeof value === 'string') {
    if (!value.includes(token)) return
    const masked = value.replaceAll(token, '[redacted]')
    Object.defineProperty(owner, name, { value: masked, configurable: true, writable: true })
  } else if (typeof value === 'object' && value !== null && !(value instanceof Error) && shows(value, token)) {
    Object.defineProperty(owner, name, { enumerable: false })
  }
}

function shows(value: unknown, token: string): boolean {
  const all = {
    depth: Number.POSITIVE_INFINITY,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: Number.POSITIVE_INFINITY,
  }
  return inspect(value, all).includes(token) || jsonOf(value).includes(token)
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    // Circular, or with a getter that throws, so JSON cannot show it.
    return ''
  }
}
