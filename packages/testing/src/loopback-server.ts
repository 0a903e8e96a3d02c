import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ServerTls } from './server-tls.js'

/** A server on 127.0.0.1 with a free port; closing it also closes its connections. */
export class LoopbackServer {
  readonly origin: string
  readonly #server: Server

  private constructor(server: Server, scheme: 'http' | 'https') {
    this.#server = server
    this.origin = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(
    answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
    tls?: ServerTls,
  ): Promise<LoopbackServer> {
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      answer(request, response).catch((error: unknown) => response.destroy(error as Error))
    }
    // A certificate that is not good enough is for the server to deny, with a response that says so.
    const asking = { ...tls, requestCert: true, rejectUnauthorized: false }
    const server = tls === undefined ? createServer(listener) : createSecureServer(asking, listener)
    // A client that is slow for five seconds must not use a connection that is just being closed.
    server.keepAliveTimeout = 0
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // Tests often begin with a thousand requests at once, which a shorter queue would reject.
      server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve)
    })
    return new LoopbackServer(server, tls === undefined ? 'http' : 'https')
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** The fields of a form, or of JSON, which App ID's own SDK sends. Empty if the body is neither. */
export async function readParameters(request: IncomingMessage): Promise<URLSearchParams> {
  const body = (await readBody(request)).toString('utf8')
  if (!request.headers['content-type']?.startsWith('application/json')) return new URLSearchParams(body)
  try {
    return new URLSearchParams(JSON.parse(body))
  } catch {
    return new URLSearchParams()
  }
}
