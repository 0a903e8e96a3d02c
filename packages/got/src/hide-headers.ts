import type { EventEmitter } from 'node:events'
import { inspect } from 'node:util'

const redacted = () => '[request: redacted by mca-auth]'
const hiddenJson: PropertyDescriptor = { value: redacted, configurable: true }

/**
 * Hides a request of Node.js from `inspect` and JSON of a response, a socket or an agent that refers to it: it contains the
 * text of its headers, and so does a socket while it connects.
 *
 * @param request - a `ClientRequest`, or its counterpart in got's HTTP/2 client.
 */
export function hideHeaders(request: EventEmitter): void {
  // Setting takes a tenth of the time of defining, and this property is not visible when the object is printed.
  Reflect.set(request, inspect.custom, redacted) || Object.defineProperty(request, inspect.custom, hiddenJson)
  Object.defineProperty(request, 'toJSON', hiddenJson)
  request.once('socket', (socket: { _pendingData?: unknown }) => {
    if (socket._pendingData) Object.defineProperty(socket, '_pendingData', { enumerable: false })
  })
}
