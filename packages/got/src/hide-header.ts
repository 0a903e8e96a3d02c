import type { EventEmitter } from 'node:events'

/**
 * Hides what a request carries from `inspect` and JSON of a response, a socket or an agent that leads to it: Node.js
 * keeps the text of the headers with the request, and with a socket the options that it was opened with.
 *
 * @param headers - those that the request is made with.
 * @param request - a `ClientRequest`, or its counterpart in got's HTTP/2 client.
 */
export function hideHeader(headers: object | undefined, request?: EventEmitter): void {
  if (headers !== undefined) hide(headers, 'authorization')
  if (request === undefined) return
  for (const key of Reflect.ownKeys(request)) {
    const name = typeof key === 'symbol' ? key.description : key
    if (/^(_header|outputData|.*headers)$/i.test(name ?? '')) hide(request, key)
  }
  // The headers, while they wait for the connection.
  request.once('socket', (socket: object) => hide(socket, '_pendingData'))
}

function hide(object: object, key: string | symbol): void {
  if (Object.getOwnPropertyDescriptor(object, key)?.configurable)
    Object.defineProperty(object, key, { enumerable: false })
}
