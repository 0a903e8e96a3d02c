// Servers in place of the world's API for clients that need TLS, HTTP/2, WebSocket or events, and a proxy.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import { createSecureServer } from 'node:http2'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** @typedef {import('./world.js').World} World */

/** Listens until the world closes. @returns {Promise<number>} the port */
async function listen(/** @type {World} */ world, /** @type {import('node:net').Server} */ server) {
  const sockets = new Set()
  server.on('connection', (socket) =>
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket))),
  )
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  world.onClose(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port
}

/** @param {World} world @param {any} request @returns the API's reply, in text */
async function answer(world, request) {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !name.startsWith(':')))
  const reply = world.mock({ method: request.method, path: request.url, headers, body: await buffer(request) })
  const { status = 200, body = '', delayMs } = reply
  if (delayMs) await sleep(delayMs)
  return { status, headers: reply.headers ?? {}, text: typeof body === 'string' ? body : JSON.stringify(body) }
}

/** The API over TLS, with a certificate of the run that Node.js trusts, and with HTTP/2 for clients that support it. */
export async function overTls(/** @type {World} */ world) {
  const [key, cert] = ['KEY_FILE', 'NODE_EXTRA_CA_CERTS'].map((name) => readFileSync(process.env[name] ?? ''))
  const server = createSecureServer({ key, cert, allowHTTP1: true }, async (request, response) => {
    const { status, headers, text } = await answer(world, request)
    response.writeHead(status, headers)
    response.end(text)
  })
  server.on('sessionError', () => {})
  world.api = `https://127.0.0.1:${await listen(world, server)}`
}

/** The API as a stream of events: the reply is the first. */
export async function asEvents(/** @type {World} */ world) {
  const server = createServer(async (request, response) => {
    const { status, headers, text } = await answer(world, request)
    response.writeHead(status, { ...headers, ...(status === 200 && { 'content-type': 'text/event-stream' }) })
    if (status === 200) response.write(`data: ${text}\n\n`)
    else response.end(text)
  })
  world.api = `http://127.0.0.1:${await listen(world, server)}`
}

/** The API as WebSocket: the reply is the first message. */
export async function asSocket(/** @type {World} */ world) {
  const server = createServer()
  server.on('upgrade', async (request, socket) => {
    request.push(null)
    const { status, headers, text } = await answer(world, request)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\n${lines.join('')}content-length: ${text.length}\r\n\r\n${text}`)
      return
    }
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    const upgrade = 'connection: Upgrade\r\nupgrade: websocket\r\n'
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${upgrade}sec-websocket-accept: ${accept}\r\n\r\n`)
    const length = text.length < 126 ? Buffer.of(text.length) : Buffer.of(126, text.length >> 8, text.length & 0xff)
    socket.write(Buffer.concat([Buffer.of(0x81), length, Buffer.from(text)]))
    socket.on('data', () => socket.end(Buffer.of(0x88, 0))) // the client closes
  })
  world.api = `http://127.0.0.1:${await listen(world, server)}`
}

/** A proxy, for http by absolute URLs and for anything by CONNECT. @returns its URL */
export async function startProxy(/** @type {World} */ world) {
  const server = createServer((request, response) => {
    const { method, headers, url = '' } = request
    world.atProxy.push({ path: url, authorization: headers.authorization })
    const onward = httpRequest(url, { method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(response)
    })
    request.pipe(onward.on('error', () => response.destroy()))
  })
  server.on('connect', (request, socket, head) => {
    const [host, port] = (request.url ?? '').split(':')
    world.atProxy.push({ path: request.url ?? '' })
    const onward = connect({ host, port: Number(port) }, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.write(head)
      onward.pipe(socket).pipe(onward)
    })
    socket.on('error', () => {}).on('close', () => onward.destroy())
    onward.on('error', () => {}).on('close', () => socket.destroy())
  })
  return `http://127.0.0.1:${await listen(world, server)}`
}
