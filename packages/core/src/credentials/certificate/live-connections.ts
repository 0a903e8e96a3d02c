import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** The number of requests without a response on each connection that was made here. */
const pendingOn = new WeakMap<object, number>()
/** The connection of each request of undici. */
const connectionOf = new WeakMap<object, Socket>()
const retired = new WeakSet<Socket>()
let isListening = false

/**
 * The connections that undici has with one certificate. undici keeps a busy connection open, so under load an old certificate
 * would stay in use forever. They are closed between two requests, according to undici's diagnostics, and undici then
 * reconnects.
 */
export class LiveConnections {
  readonly #sockets = new Set<Socket>()

  add(socket: Socket): void {
    listen()
    this.#sockets.add(socket)
    pendingOn.set(socket, Number.NaN)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Closes them, each as soon as no request is pending on it. */
  retire(): void {
    for (const socket of this.#sockets) {
      retired.add(socket)
      // Before its first request, the state is unknown: one may be about to be sent.
      if (pendingOn.get(socket) === 0) socket.destroy()
    }
  }
}

/** Started by the first connection, for the rest of the process. Messages of other dispatchers cost a lookup. */
function listen(): void {
  if (isListening) return
  isListening = true
  subscribe('undici:client:sendHeaders', (message) => {
    const { request, socket } = message as { request: object; socket: Socket }
    const pending = pendingOn.get(socket)
    if (pending === undefined) return
    connectionOf.set(request, socket)
    pendingOn.set(socket, (pending || 0) + 1)
  })
  subscribe('undici:request:trailers', ended)
  subscribe('undici:request:error', ended)
}

function ended(message: unknown): void {
  const { request } = message as { request: object }
  const socket = connectionOf.get(request)
  if (socket === undefined) return
  connectionOf.delete(request)
  const pending = (pendingOn.get(socket) ?? 1) - 1
  pendingOn.set(socket, pending)
  // Synchronously: a moment later, undici may have sent the next request.
  if (pending === 0 && retired.has(socket)) socket.destroy()
}
