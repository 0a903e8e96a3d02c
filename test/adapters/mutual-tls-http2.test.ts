// Over HTTP/2, other code pools connections than over HTTP/1.1: got's own client, or http2-wrapper.
import { once } from 'node:events'
import { createSecureServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { clientCertificate, createTokenProvider } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/got'
import { startAuthorizationServer } from '@mca-auth/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Authority, authority, CertificateDirectory, type Pem, thumbprintOf } from '../servers/certificates.ts'
import { gots } from './versions.ts'

let issuer: Authority
let tls: Pem
let one: Pem
let two: Pem
const verifies = process.env.NODE_TLS_REJECT_UNAUTHORIZED

beforeAll(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '1'
  issuer = await authority()
  ;[tls, one, two] = await Promise.all([issuer.issue('server'), issuer.issue('orders'), issuer.issue('orders')])
})
afterAll(() => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = verifies
})

/** A server that speaks only HTTP/2, and records the certificate of each request. */
async function startServer() {
  const seen: (string | undefined)[] = []
  const sessions = new Set<ServerHttp2Session>()
  const server = createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const certificate = (request.socket as TLSSocket).getPeerX509Certificate()
    seen.push(certificate && thumbprintOf({ cert: certificate.toString(), key: '' }))
    response.end(request.url)
  })
  server.on('session', (session) => {
    sessions.add(session.on('close', () => sessions.delete(session)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    seen,
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.destroy()
      server.close()
    },
  }
}

describe.each(Object.entries(await gots()))('got %s over HTTP/2', (_major, got) => {
  it('has the certificate of the token on its connection, and a new connection after a rotation', async () => {
    using directory = new CertificateDirectory()
    directory.write(one)
    await using authorization = await startAuthorizationServer({ tls: { ...tls, ca: issuer.cert } })
    await using server = await startServer()
    const { clientId, oauthServerUrl } = authorization.appId
    const clientAuth = clientCertificate({ cert: directory.cert, key: directory.key, ca: issuer.cert })
    await using provider = createTokenProvider({ clientId, oauthServerUrl, clientAuth, origins: server.origin })
    const api = got.extend(mcaAuth(provider), { http2: true, retry: { limit: 0 } })
    for (let i = 0; i < 3; i++) expect(await api(`${server.origin}/orders`).text()).toBe('/orders')
    expect(server.seen).toEqual(Array(3).fill(thumbprintOf(one)))
    directory.write(two)
    await expect.poll(() => api(`${server.origin}/orders`).then(() => server.seen.at(-1))).toBe(thumbprintOf(two))
    expect(authorization.certificates.seen).toEqual([thumbprintOf(one), thumbprintOf(two)])
    // A request without a token does not use these connections.
    const plain = got.extend({ http2: true, retry: { limit: 0 }, https: { certificateAuthority: issuer.cert } })
    await plain(`${server.origin}/plain`)
    expect(server.seen.at(-1)).toBeUndefined()
  })
})
