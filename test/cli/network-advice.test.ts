// Each error comes from a real socket: the advice used to be tested for a part of the codes that it names.
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { connect, createServer as createTlsServer } from 'node:tls'
import { promisify } from 'node:util'
import { generate, type SelfsignedOptions } from 'selfsigned'
import { describe, expect, it } from 'vitest'
import { networkAdvice, networkErrorIn } from '../../packages/cli/src/network-advice.ts'
import { marks } from '../leftovers/processes.js'

/** The error of a request to a server that sends these bytes, and closes the connection. */
async function errorAfter(bytes: readonly number[], scheme = 'https'): Promise<unknown> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(Buffer.from(bytes)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await fetch(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/token`).then(
      () => undefined,
      (error: unknown) => error,
    )
  } finally {
    server.close()
  }
}

const alert = (description: number) => [0x15, 3, 3, 0, 2, 2, description]
const text = (words: string) => [...Buffer.from(words)]
/** The beginning of a handshake in TLS 1.0. */
const serverHello = [0x16, 3, 1, 0, 0x2a, 2, 0, 0, 0x26, 3, 1, ...Array(32).fill(0x11), 0, 0, 0x2f, 0]
const mutualTls = 'the server requires a client certificate that it trusts'
const clientCertificate = 'the server rejects the client certificate'
const handshake = 'the TLS handshake failed'

describe('the advice for a TLS connection that fails', () => {
  // The descriptions of RFC 8446 §6.
  it.each<[string, number[], RegExp, string]>([
    ['no common cipher', alert(40), /HANDSHAKE_FAILURE/, 'client and server share no cipher'],
    ['insufficient security', alert(71), /INSUFFICIENT_SECURITY/, 'client and server share no cipher'],
    ['a bad client certificate', alert(42), /BAD_CERTIFICATE/, mutualTls],
    ['an unknown client certificate', alert(46), /CERTIFICATE_UNKNOWN/, mutualTls],
    ['an unknown authority', alert(48), /UNKNOWN_CA/, mutualTls],
    ['a denied access', alert(49), /ACCESS_DENIED/, mutualTls],
    ['a required client certificate', alert(116), /CERTIFICATE_REQUIRED/, mutualTls],
    ['an unsupported client certificate', alert(43), /UNSUPPORTED_CERTIFICATE/, clientCertificate],
    ['a revoked client certificate', alert(44), /CERTIFICATE_REVOKED/, clientCertificate],
    ['an expired client certificate', alert(45), /CERTIFICATE_EXPIRED/, clientCertificate],
    ['an unknown host name', alert(112), /UNRECOGNIZED_NAME/, 'the server has no certificate for this host name'],
    ['another TLS version', alert(70), /PROTOCOL_VERSION/, 'client and server share no TLS version'],
    ['TLS 1.0', serverHello, /UNSUPPORTED_PROTOCOL/, 'client and server share no TLS version'],
    ['an error of the server', alert(80), /INTERNAL_ERROR/, handshake],
    ['no common application protocol', alert(120), /NO_APPLICATION_PROTOCOL/, handshake],
    ['an http server', text('HTTP/1.1 400 Bad Request\r\n\r\n'), /WRONG_VERSION_NUMBER/, 'the port does not use TLS'],
    [
      'a record that is too long',
      [0x16, 3, 1, 255, 255, 0],
      /PACKET_LENGTH_TOO_LONG|RECORD_LAYER/,
      'the port does not use TLS',
    ],
    ['a closed connection', [], /ECONNRESET/, 'the connection was closed without a response'],
  ])('%s', async (_what, bytes, code, advice) => {
    const error = await errorAfter(bytes)
    expect(networkErrorIn(error)?.code).toMatch(code)
    expect(networkAdvice(error)).toEqual([expect.stringContaining(advice)])
  })
})

describe('the advice for a response over plain HTTP', () => {
  it.each([
    ['of another protocol', text('SSH-2.0-fake\r\n'), /^HPE_/, 'the response is not HTTP'],
    ['that is an alert of TLS', alert(10), /^HPE_/, 'the response is not HTTP'],
    ['that never comes', [], /^UND_ERR_SOCKET$/, 'the connection was closed without a response'],
  ])('%s', async (_what, bytes, code, advice) => {
    const error = await errorAfter(bytes, 'http')
    expect(networkErrorIn(error)?.code).toMatch(code)
    expect(networkAdvice(error)).toEqual([expect.stringContaining(advice)])
  })
})

it('the advice for a port that `fetch` does not connect to names that as the reason', async () => {
  const error = await fetch('http://127.0.0.1:6667/token').catch((failed: unknown) => failed)
  expect(networkAdvice(error)).toEqual([expect.stringContaining('`fetch` never connects to this port')])
})

const unreachable = 'the host is unreachable'
const unshare = '/usr/bin/unshare'

// Namespaces of Linux: there is a network without a route, and without DNS.
describe.skipIf(!hasNamespaces())('the advice without a network', () => {
  it('names the DNS, or a missing route', async () => {
    const script = `ip link set lo up && ip route add unreachable 192.0.2.1 && ip route add prohibit 192.0.2.2 &&
      ip route add blackhole 192.0.2.3 && exec "$NODE" -e '
      const code = (host) => fetch("https://" + host).catch(({ cause }) => cause.code)
      const hosts = ["idp.example.com", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "[2001:db8::1]"]
      Promise.all(hosts.map(code)).then((codes) => console.log(JSON.stringify(codes)))'`
    const env = { ...process.env, ...marks(), NODE: process.execPath }
    const { stdout } = await promisify(execFile)(unshare, ['-rn', 'sh', '-c', script], { env })
    const codes: string[] = JSON.parse(stdout)
    expect(codes.slice(0, 5)).toEqual(['EAI_AGAIN', 'EHOSTUNREACH', 'EACCES', 'EINVAL', 'ENETUNREACH'])
    const advice = codes.map((code) => networkAdvice(Object.assign(new Error('failed'), { code })))
    expect(advice.shift()).toEqual([expect.stringContaining('the DNS does not respond')])
    for (const each of advice) expect(each).toEqual([expect.stringContaining(unreachable)])
  })
})

function hasNamespaces(): boolean {
  try {
    execFileSync(unshare, ['-rn', 'ip', 'route'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('the advice for a certificate', () => {
  const ca: SelfsignedOptions = {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  }
  const issue = async (name: string, options: SelfsignedOptions) => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
      keyType: 'ec',
      algorithm: 'sha256',
      ...options,
    })
    return { cert, key }
  }

  /** The error of a client that trusts this authority. */
  async function rejection(leaf: { cert: string; key: string }, trusted: string): Promise<unknown> {
    const server = createTlsServer(leaf)
      .on('tlsClientError', () => {})
      .listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: trusted,
      rejectUnauthorized: true,
      checkServerIdentity: () => undefined,
    })
    try {
      return await new Promise((resolve) => socket.once('error', resolve).once('secureConnect', resolve))
    } finally {
      socket.destroy()
      server.close()
    }
  }

  it('whose root the client does not have', async () => {
    const root = await issue('A fake root', ca)
    const intermediate = await issue('A fake intermediate', { ...ca, ca: root })
    const leaf = await issue('localhost', { ca: intermediate })
    const other = await issue('Another fake root', ca)
    const error = await rejection({ key: leaf.key, cert: `${leaf.cert}\n${intermediate.cert}` }, other.cert)
    expect(networkErrorIn(error)?.code).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
    expect(networkAdvice(error)).toEqual([expect.stringContaining('the issuer of the certificate is unknown')])
  })

  it('that is for clients', async () => {
    const root = await issue('A fake root', ca)
    const leaf = await issue('localhost', { ca: root, extensions: [{ name: 'extKeyUsage', clientAuth: true }] })
    const error = await rejection(leaf, root.cert)
    expect(networkErrorIn(error)?.code).toBe('INVALID_PURPOSE')
    expect(networkAdvice(error)).toEqual([expect.stringContaining('the certificate was rejected')])
  })
})
