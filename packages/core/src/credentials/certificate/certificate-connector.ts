import { connect as connectPlain, type NetConnectOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionCertificate } from '../credential-part.js'
import type { LiveConnections } from './live-connections.js'

/** The target of a connection, from undici. */
export interface ConnectOptions {
  readonly hostname: string
  readonly host?: string | undefined
  readonly protocol: string
  readonly port: string
  readonly servername?: string | null | undefined
  readonly localAddress?: string | null | undefined
  readonly socketPath?: string | null | undefined
  readonly httpSocket?: Socket | undefined
}

export type ConnectCallback = (...args: [error: null, socket: Socket] | [error: Error, socket: null]) => void

/** The same as in undici's own connector, which this one replaces. */
const timeoutMs = 10_000
const keepAliveDelayMs = 60_000

/**
 * Connects for undici, which passes neither its timeout nor its settings to a custom connector. Offers only HTTP/1.1, since
 * it is unknown whether the caller wants HTTP/2. Never resumes a TLS session, because that would keep its first
 * certificate.
 */
export function connect(
  certificate: ConnectionCertificate,
  live: LiveConnections,
  to: ConnectOptions,
  callback: ConnectCallback,
): void {
  const { hostname, host, port, servername, httpSocket } = to
  const isTls = to.protocol === 'https:'
  const place = {
    ...(to.socketPath ? { path: to.socketPath } : { host: hostname, port: Number(port) || (isTls ? 443 : 80) }),
    ...(to.localAddress && { localAddress: to.localAddress }),
  }
  const socket = isTls
    ? connectTls({
        ...{ ...place, ...(httpSocket && { socket: httpSocket }), ALPNProtocols: ['http/1.1'] },
        ...{ ...certificate.tlsOptions({}), servername: servername || nameIn(host ?? hostname) },
      })
    : connectPlain(place as NetConnectOpts)
  live.add(socket)
  socket.setKeepAlive(true, keepAliveDelayMs).setNoDelay(true)
  let isSettled = false
  const settle = (...outcome: Parameters<ConnectCallback>) => {
    if (isSettled) return
    isSettled = true
    clearTimeout(timer)
    callback(...outcome)
  }
  const timer = setTimeout(() => socket.destroy(timedOut(hostname, port)), timeoutMs).unref()
  socket.once(isTls ? 'secureConnect' : 'connect', () => settle(null, socket))
  socket.on('error', (error: Error) => settle(error, null))
  socket.once('close', () => settle(closed(), null))
}

/** A host without its port, for SNI, which does not allow an address (RFC 6066 §3). */
function nameIn(host: string): string | undefined {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  return /^[\d.]+$|:/.test(name) ? undefined : name
}

/** With the code of undici's own error. */
function timedOut(hostname: string, port: string): Error {
  const error = new Error(`no connection to ${hostname}:${port} within ${timeoutMs} ms`)
  return Object.assign(error, { name: 'ConnectTimeoutError', code: 'UND_ERR_CONNECT_TIMEOUT' })
}

function closed(): Error {
  return Object.assign(new Error('the connection was closed before it was secure'), { code: 'ECONNRESET' })
}
