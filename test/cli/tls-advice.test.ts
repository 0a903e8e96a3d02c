import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net'
import { generate, type SelfsignedOptions } from 'selfsigned'
import { describe, expect, it } from 'vitest'
import { doctor, Fixture } from './fixture.ts'

const fixture = new Fixture()
const day = 24 * 3600_000

/** A certificate for 127.0.0.1 and localhost, unless the options say otherwise. */
async function certificate(options: SelfsignedOptions = {}, name = 'localhost') {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...options,
  })
  return { cert, key }
}

function named(name: string): SelfsignedOptions {
  return { extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }] }
}

async function https(options: SelfsignedOptions = {}, server: ServerOptions = {}): Promise<Server> {
  return createHttpsServer({ ...(await certificate(options)), ...server })
}

/** Runs the doctor against this server. */
async function examine(server: Server, scheme = 'https', env: Record<string, string> = {}) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => {}))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/token`
    return await doctor(fixture.explicit('--token-endpoint', url), env)
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

describe('the doctor says what is wrong with', () => {
  // The advice used to be to trust the certificate, whatever was wrong with it.
  it.each<[string, string, string, () => Promise<Server>]>([
    [
      'an expired certificate',
      'CERT_HAS_EXPIRED',
      'the certificate has expired',
      () => https({ notBeforeDate: new Date(Date.now() - 9 * day), notAfterDate: new Date(Date.now() - day) }),
    ],
    [
      'a certificate that is not valid yet',
      'CERT_NOT_YET_VALID',
      'the certificate is not valid yet',
      () => https({ notBeforeDate: new Date(Date.now() + day), notAfterDate: new Date(Date.now() + 9 * day) }),
    ],
    [
      'a self-signed certificate',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'the certificate is self-signed: trust it with NODE_EXTRA_CA_CERTS=FILE',
      () => https(),
    ],
    [
      "a company's own authority",
      'SELF_SIGNED_CERT_IN_CHAIN',
      'the certificate is not trusted here',
      async () => {
        const { leaf, authority } = await issued()
        return createHttpsServer({ key: leaf.key, cert: `${leaf.cert}\n${authority.cert}` })
      },
    ],
    [
      'intermediate certificates that the server does not send',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'the issuer of the certificate is unknown',
      async () => createHttpsServer((await issued()).leaf),
    ],
    [
      'https spoken to an http port',
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'the port does not use TLS',
      async () => createHttpServer(),
    ],
    [
      'https spoken to another service',
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'the port does not use TLS',
      async () => createNetServer((socket) => socket.end('SSH-2.0-fake\r\n')),
    ],
    [
      'an old TLS version',
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'client and server share no TLS version',
      () => https({}, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    ],
    [
      'ciphers that do not match',
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      'client and server share no cipher',
      // Only for an RSA key, which this certificate does not have.
      () => https({}, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }),
    ],
  ])('%s', async (_what, cause, advice, given) => {
    const { code, rows } = await examine(await given())
    expect(code).toBe(5)
    expect(rows).toContainEqual(expect.stringMatching(new RegExp(`^· cause ${cause}: `)))
    const advised = rows.filter((row) => row.startsWith('→'))
    expect(advised).toEqual([expect.stringContaining(advice)])
    expect(advised.join().includes('NODE_EXTRA_CA_CERTS')).toBe(/self-signed|not trusted|issuer/.test(advice))
  })

  it('a certificate for another name, although its authority is trusted', async () => {
    const { cert, key } = await certificate(named('other.example.com'))
    const trusted = { NODE_EXTRA_CA_CERTS: fixture.file('authority.pem', cert) }
    const { code, rows, out } = await examine(createHttpsServer({ cert, key }), 'https', trusted)
    expect(code).toBe(5)
    expect(out).toMatch(/cause +ERR_TLS_CERT_ALTNAME_INVALID: .*127\.0\.0\.1/)
    expect(rows).toContainEqual(expect.stringMatching(/^→ the certificate does not match the host name/))
    expect(out).not.toContain('NODE_EXTRA_CA_CERTS')
  })

  it('a server that requires a client certificate', async () => {
    const { cert, key } = await certificate({ extensions: [{ name: 'subjectAltName', altNames: [loopback] }] })
    const trusted = { NODE_EXTRA_CA_CERTS: fixture.file('authority.pem', cert) }
    const server = createHttpsServer({ cert, key, requestCert: true, maxVersion: 'TLSv1.2' })
    const { code, rows } = await examine(server, 'https', trusted)
    expect(code).toBe(5)
    expect(rows).toContainEqual(expect.stringMatching(/^→ .*client certificate/))
  })

  it.each<[string, () => Promise<Server>, RegExp]>([
    ['http spoken to an https port', () => https(), /^→ the connection was closed .* https port/],
    [
      'http spoken to another service',
      async () => createNetServer((socket) => socket.end('SSH-2.0-fake\r\n')),
      /^→ the response is not HTTP: is it the https port/,
    ],
    [
      'a connection that is reset',
      async () => createNetServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
      /^→ the connection was closed without a response/,
    ],
  ])('%s', async (_what, given, advice) => {
    const { code, rows } = await examine(await given(), 'http')
    expect(code).toBe(5)
    expect(rows.filter((row) => row.startsWith('→'))).toEqual([expect.stringMatching(advice)])
  })
})

const loopback = { type: 7, ip: '127.0.0.1' } as const

/** A certificate of an untrusted authority. */
async function issued() {
  const options: SelfsignedOptions = {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  }
  const authority = await certificate(options, 'A fake authority')
  const leaf = await certificate({ ca: authority })
  return { leaf, authority }
}
