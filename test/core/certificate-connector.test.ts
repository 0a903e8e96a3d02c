// certificate.connect makes connections for undici like undici's own connector.
import { once } from 'node:events'
import https from 'node:https'
import { type AddressInfo, createServer as createRawServer, type Server, type Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { CertificateFiles } from '../../packages/core/src/credentials/certificate/certificate-files.ts'
import { type Authority, authority, type Pem, thumbprintOf } from '../servers/certificates.ts'

let issuer: Authority
let tls: Pem
let one: Pem
const open: Server[] = []
const sockets = new Set<Socket>()
const verifies = process.env.NODE_TLS_REJECT_UNAUTHORIZED

beforeAll(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '1'
  issuer = await authority()
  ;[tls, one] = await Promise.all([issuer.issue('server'), issuer.issue('orders')])
})
afterAll(() => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = verifies
})
afterEach(() => {
  vi.useRealTimers()
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  for (const server of open.splice(0)) server.close()
})

async function listen(server: Server): Promise<string> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => {}))
  })
  open.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return String((server.address() as AddressInfo).port)
}

const filesOf = ({ cert, key }: Pem, ca?: string) =>
  new CertificateFiles({ cert: [cert], key: [key], ca: ca === undefined ? undefined : [ca], passphrase: undefined })

function connectTo(port: string, more: object = {}, files = filesOf(one, issuer.cert)): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const to = { hostname: '127.0.0.1', host: `127.0.0.1:${port}`, protocol: 'https:', port, ...more }
    files.connect(to, (error, socket) => (error === null ? resolve(socket) : reject(error)))
  })
}

describe('certificate.connect', () => {
  it('sends the certificate, offers only HTTP/1.1, and names the server unless that is an address', async () => {
    const seen: unknown[] = []
    const server = createServer({
      ...tls,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
      const cert = socket.getPeerX509Certificate()?.toString() ?? ''
      seen.push([thumbprintOf({ cert, key: '' }), socket.alpnProtocol, socket.servername])
    })
    const port = await listen(server)
    const named = { hostname: '127.0.0.1', servername: 'localhost' }
    for (const [i, more] of [{}, { hostname: 'localhost', host: `localhost:${port}` }, named].entries()) {
      const socket = await connectTo(port, more)
      expect(socket).toMatchObject({ encrypted: true, authorized: true })
      // In TLS 1.3 the server has yet to read the certificate.
      await expect.poll(() => seen.length).toBe(i + 1)
      socket.destroy()
    }
    expect(seen).toEqual([false, 'localhost', 'localhost'].map((name) => [thumbprintOf(one), 'http/1.1', name]))
  })

  it('connects without TLS to an http: origin', async () => {
    const port = await listen(createRawServer())
    const socket = await connectTo(port, { protocol: 'http:' })
    expect(socket).not.toHaveProperty('encrypted')
    socket.destroy()
  })

  it('speaks TLS over a given connection, such as one through a proxy', async () => {
    const port = await listen(createServer({ ...tls, requestCert: true, rejectUnauthorized: false }))
    const httpSocket = await connectTo(port, { protocol: 'http:' })
    expect(await connectTo(port, { httpSocket })).toMatchObject({ encrypted: true })
  })

  it.each<[string, () => Server, RegExp]>([
    ['the server is not trusted', () => createServer(tls), /UNABLE_TO_VERIFY|SELF_SIGNED/],
    ['the connection is closed before it is secure', () => createRawServer((socket) => socket.destroy()), /ECONNRESET/],
    ['something else answers', () => createRawServer((socket) => socket.end('SSH-2.0-fake\r\n')), /SSL|EPROTO/],
  ])('fails if %s', async (_what, server, code) => {
    const files = code.test('UNABLE_TO_VERIFY') ? filesOf(one) : filesOf(one, issuer.cert)
    await expect(connectTo(await listen(server()), {}, files)).rejects.toMatchObject({
      code: expect.stringMatching(code),
    })
  })

  it("gives up after 10 s, with undici's code, on which others rely", async () => {
    const port = await listen(createRawServer())
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const pending = connectTo(port)
    const outcome = expect(pending).rejects.toMatchObject({
      ...{ name: 'ConnectTimeoutError', code: 'UND_ERR_CONNECT_TIMEOUT' },
      message: `no connection to 127.0.0.1:${port} within 10000 ms`,
    })
    vi.advanceTimersByTime(9_999)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1)
    await outcome
  })

  it('trusts the authorities of the process, unless the certificate has its own', async () => {
    const port = await listen(createServer({ ...tls, requestCert: true, rejectUnauthorized: false }))
    const { options } = https.globalAgent
    const other = await authority('Another fake authority')
    await expect(connectTo(port, {}, filesOf(one))).rejects.toThrow()
    options.ca = issuer.cert
    try {
      expect(await connectTo(port, {}, filesOf(one))).toMatchObject({ authorized: true })
      await expect(connectTo(port, {}, filesOf(one, other.cert))).rejects.toThrow()
      options.ca = other.cert
      expect(await connectTo(port, {}, filesOf(one, issuer.cert))).toMatchObject({ authorized: true })
    } finally {
      delete options.ca
    }
  })
})
