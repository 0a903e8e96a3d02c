import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { beforeAll, expect, it } from 'vitest'
import { type Authority, authority, type Pem, selfSigned, thumbprintOf } from '../servers/certificates.ts'
import { doctor, Fixture, run } from './fixture.ts'

const fixture = new Fixture()
let issuer: Authority
let tls: Pem
let client: Pem

beforeAll(async () => {
  issuer = await authority()
  ;[tls, client] = await Promise.all([issuer.issue('server'), issuer.issue('orders')])
})

/** Flags for a client with this certificate. */
function flags(endpoint: string, { cert, key }: Pem = client): string[] {
  const files = { 'cert-file': fixture.file('tls.crt', cert), 'key-file': fixture.file('tls.key', key) }
  const all = { ...files, 'ca-file': fixture.file('ca.crt', issuer.cert), 'client-id': 'test-client' }
  return ['--token-endpoint', endpoint, ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])]
}

it('the doctor and `token` authenticate by a certificate, and the doctor sends its request with it', async () => {
  await using server = await startAuthorizationServer({ tls: { ...tls, ca: issuer.cert } })
  await using resource = await startProtectedResource({ authorizationServer: server, tls })
  const args = flags(`${server.appId.oauthServerUrl}/token`)
  const { code, rows, out } = await doctor([...args, '--url', `${resource.origin}/orders`, '--send'])
  expect([code, out]).toEqual([0, expect.stringContaining('✓ Nothing is wrong')])
  expect(rows).toContainEqual(expect.stringMatching(/client auth.*client certificate/))
  expect(rows).toContainEqual('✓ token the resource accepts it')
  expect(resource.received[0]?.certificateThumbprint).toBe(thumbprintOf(client))
  expect(out).not.toContain(client.key.split('\n')[1])
  expect(await run(['token', ...args])).toMatchObject({ code: 0, out: expect.stringMatching(/^Bearer ey/) })
})

it('the doctor says that the server does not know the certificate', async () => {
  await using server = await startAuthorizationServer({ tls: { ...tls, ca: issuer.cert } })
  const { code, out } = await doctor(flags(`${server.appId.oauthServerUrl}/token`, await selfSigned('stranger')))
  expect(code).not.toBe(0)
  expect(out).toContain('invalid_client')
})

it('the doctor says that a server requires a certificate, if none was given', async () => {
  const server = createServer({ ...tls, ca: issuer.cert, requestCert: true, maxVersion: 'TLSv1.2' })
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}/token`
    const trusted = { NODE_EXTRA_CA_CERTS: fixture.file('authority.pem', issuer.cert) }
    const { rows } = await doctor(fixture.explicit('--token-endpoint', endpoint), trusted)
    expect(rows).toContainEqual(expect.stringMatching(/^→ .*client certificate/))
  } finally {
    server.close()
  }
})

it.each<[string, () => string[], RegExp]>([
  ['no key', () => ['--cert-file', fixture.file('tls.crt', client.cert)], /--cert-file goes with --key-file/],
  // It was ignored, and the token was requested without mutual TLS.
  [
    'an assertion in place of a key',
    () => ['--cert-file', fixture.file('tls.crt', client.cert), '--assertion-file', fixture.file('assertion', 'a.b.c')],
    /--cert-file goes with --key-file/,
  ],
  ['no certificate', () => ['--ca-file', fixture.file('ca.crt', issuer.cert)], /--ca-file goes with --cert-file/],
  [
    'the id of a key that signs nothing',
    () => [...flags('https://127.0.0.1:2/token'), '--key-id', 'a'],
    /--key-id does not go with --cert-file/,
  ],
  [
    'a key of another certificate',
    () => flags('https://127.0.0.1:2/token', { ...client, key: tls.key }),
    /--cert-file: the certificate in `cert` does not belong to the key in `key`/,
  ],
  ['a file that is missing', () => ['--cert-file', '/nowhere', '--key-file', '/nowhere'], /cannot be read \(ENOENT\)/],
])('rejects %s', async (_what, args, message) => {
  const { code, err } = await run(['doctor', ...args()])
  expect([code, err]).toEqual([2, expect.stringMatching(message)])
})
