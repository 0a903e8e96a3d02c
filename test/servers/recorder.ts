import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createRawServer, type Socket } from 'node:net'
import { generate } from 'selfsigned'

/** A server that speaks http and https on one port, and records the headers of its requests. */
export interface Recorder extends AsyncDisposable {
  readonly port: number
  readonly received: { readonly path: string; readonly method: string; readonly headers: IncomingMessage['headers'] }[]
}

let certificate: Promise<{ private: string; cert: string }> | undefined

export async function startRecorder(answer: RequestListener): Promise<Recorder> {
  const received: { path: string; method: string; headers: IncomingMessage['headers'] }[] = []
  const listener: RequestListener = (request, response) => {
    received.push({ path: request.url ?? '', method: request.method ?? '', headers: request.headers })
    request.resume()
    answer(request, response)
  }
  certificate ??= generate([{ name: 'commonName', value: 'mca-auth.test' }], { keySize: 2048 })
  const pem = await certificate
  const plain = createServer(listener)
  const secure = createSecureServer({ key: pem.private, cert: pem.cert }, listener)
  const sockets = new Set<Socket>()
  const server = createRawServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    socket.once('data', (first) => {
      socket.pause()
      socket.unshift(first)
      const isTls = (first as Buffer)[0] === 0x16
      ;(isTls ? secure : plain).emit('connection', socket)
      process.nextTick(() => socket.resume())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
