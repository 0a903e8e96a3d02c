import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Of the connections that were made here: how many requests undici has sent on them that it has had no response to. */
const pendingOn = new WeakMap<object, number>()
/** By undici's request, the connection on which it was sent. */
const connectionOf = new WeakMap<object, Socket>()
const retired = new WeakSet<Socket>()
let isListening = false

/**
 * The connections that undici has with one certificate. undici uses a connection for as long as it is busy, so that under
 * load an old certificate would never go away. They are closed between two requests, which undici's diagnostics tell: then it
 * connects again.
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
      // Before the first request nothing is known: it may be about to be sent.
      if (pendingOn.get(socket) === 0) socket.destroy()
    }
  }
}

/** By the first connection, for the rest of the process. Other dispatchers' messages cost a look-up. */
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
  // At once: a moment later undici may have sent the next request.
  if (pending === 0 && retired.has(socket)) socket.destroy()
}
