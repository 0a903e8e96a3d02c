import { isTextual, printable } from './printable.js'
import type { SecretMask } from './secret-mask.js'

const maxDepth = 5
const maxErrors = 10
const maxMessageLength = 500

/**
 * A copy of a foreign error that cannot quote a request or a response: its name, code and message, without the secrets
 * that were sent, and the same for its causes. The error itself may contain anything: ky's contains the request with its
 * headers, an HTTP parser's the unreadable response.
 */
export function safeCause(error: unknown, mask: SecretMask, depth = 0): Error | undefined {
  try {
    return copyOf(error, mask, depth)
  } catch {
    return undefined // a getter that throws
  }
}

function copyOf(error: unknown, mask: SecretMask, depth: number): Error | undefined {
  if (typeof error !== 'object' || error === null || depth > maxDepth) return undefined
  const { name, message, code, cause, errors } = error as Record<string, unknown>
  if (typeof message !== 'string') return undefined
  const clean = (text: string) => printable(mask.mask(text)).slice(0, maxMessageLength)
  // A JSON parser quotes its input.
  const isParser = name === 'SyntaxError'
  const copy = new Error(isParser ? 'not shown, since it may quote the response' : clean(message))
  const inner = safeCause(cause, mask, depth + 1)
  const several = Array.isArray(errors) ? errors.slice(0, maxErrors) : []
  const all = several.map((one) => safeCause(one, mask, depth + 1)).filter((one) => one !== undefined)
  define(copy, 'name', typeof name === 'string' ? clean(name) : 'Error')
  if (typeof code === 'number' || isTextual(code))
    define(copy, 'code', typeof code === 'string' ? clean(code) : code, true)
  if (inner !== undefined) define(copy, 'cause', inner)
  if (all.length > 0) define(copy, 'errors', all)
  // The stack of the copy is useless, and the stack of the original begins with its message.
  define(copy, 'stack', `${copy.name}: ${copy.message}`)
  return copy
}

function define(error: Error, name: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, name, { value, enumerable, writable: true, configurable: true })
}
