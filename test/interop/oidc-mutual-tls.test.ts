// Client authentication by a certificate with oidc-provider, and tokens that are bound to it, verified by Auth0's middleware.
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { clientCertificate, createTokenProvider } from '@mca-auth/core'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios from 'axios'
import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { got } from 'got'
import { decodeJwt } from 'jose'
import Provider from 'oidc-provider'
import { Agent, request as undiciRequest } from 'undici'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Authority, authority, type Pem, selfSigned, thumbprintOf } from '../servers/certificates.ts'

const audience = 'https://orders.example.com'

let company: Authority
let tls: Pem
let issued: Pem
let own: Pem
const listening: Server[] = []

beforeAll(async () => {
  company = await authority()
  ;[tls, issued, own] = await Promise.all([company.issue('server'), company.issue('orders'), selfSigned('orders')])
})
afterEach(() => {
  for (const server of listening.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listen(options: ServerOptions, listener?: RequestListener) {
  const server = createServer({ ...tls, ...options }, listener)
  listening.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return { server, origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** Like a proxy that requests certificates, and leaves the verification to the server behind it. */
const asking = () => ({ ca: company.cert, requestCert: true, rejectUnauthorized: false })
const certificateOf = ({ socket }: IncomingMessage) => (socket as TLSSocket).getPeerX509Certificate()

/** A provider whose own endpoints do not request certificates, unlike its aliases (RFC 8705 §5). */
async function startIssuer() {
  const plain = await listen({})
  const certified = await listen(asking())
  const requests: string[] = []
  const client = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] }
  const bound = { tls_client_certificate_bound_access_tokens: true }
  const jwk = new X509Certificate(own.cert).publicKey.export({ format: 'jwk' })
  const x5c = [new X509Certificate(own.cert).raw.toString('base64')]
  const provider = new Provider(plain.origin, {
    clients: [
      {
        ...{ ...client, ...bound, client_id: 'issued', token_endpoint_auth_method: 'tls_client_auth' },
        tls_client_auth_san_dns: 'localhost',
      },
      {
        ...{ ...client, ...bound, client_id: 'self-signed', token_endpoint_auth_method: 'self_signed_tls_client_auth' },
        jwks: { keys: [{ ...jwk, x5c, use: 'sig' }] },
      },
    ],
    clientAuthMethods: ['tls_client_auth', 'self_signed_tls_client_auth'],
    discovery: { mtls_endpoint_aliases: { token_endpoint: `${certified.origin}/token` } },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: ({ req }: { req: IncomingMessage }) => certificateOf(req),
        certificateAuthorized: ({ req }: { req: IncomingMessage }) => (req.socket as TLSSocket).authorized,
        certificateSubjectMatches: ({ req }: { req: IncomingMessage }, _property: string, expected: string) =>
          certificateOf(req)?.checkHost(expected) === expected,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: async () => ({ scope: 'read', audience, accessTokenFormat: 'jwt' }),
      },
    },
  })
  provider.on('server_error', () => {})
  const answer = provider.callback()
  for (const { server, origin } of [plain, certified]) {
    server.on('request', (request, response) => {
      requests.push(`${origin}${request.url}`)
      answer(request, response)
    })
  }
  return { issuer: plain.origin, certified: certified.origin, requests }
}

describe('oidc-provider', () => {
  it.each<[string, () => Pem]>([
    ['issued', () => issued],
    ['self-signed', () => own],
  ])('authenticates a client by its certificate (%s), and binds the token to it', async (clientId, pair) => {
    const { issuer, certified, requests } = await startIssuer()
    const clientAuth = clientCertificate({ ...pair(), ca: company.cert })
    await using provider = createTokenProvider({ issuer, clientId, clientAuth })
    const { accessToken } = await provider.getToken()
    expect(decodeJwt(accessToken).cnf).toEqual({ 'x5t#S256': thumbprintOf(pair()) })
    expect(requests).toEqual([`${issuer}/.well-known/openid-configuration`, `${certified}/token`])
  })

  it.each<[string, () => Pem]>([
    ['issued', () => own],
    ['self-signed', () => issued],
  ])('denies a certificate of the wrong kind (%s)', async (clientId, pair) => {
    const { issuer } = await startIssuer()
    const clientAuth = clientCertificate({ ...pair(), ca: company.cert })
    await using provider = createTokenProvider({ issuer, clientId, clientAuth })
    await expect(provider.getToken()).rejects.toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error: 'invalid_client' })
  })

  it('binds a token that the middleware of Auth0 accepts only over the same certificate, on every client', async () => {
    const { issuer } = await startIssuer()
    const app = express()
    const getCertificate = (request: IncomingMessage) => certificateOf(request)?.toString() ?? ''
    app.use(auth({ issuerBaseURL: issuer, audience, getCertificate, mtls: { enabled: true, required: true } } as never))
    app.get('/orders', (_request, response) => void response.end('here they are'))
    app.use((error: { status?: number }, _request: unknown, response: express.Response, _next: unknown) => {
      response.status(error.status ?? 500).end()
    })
    const { origin } = await listen(asking(), app)
    const url = `${origin}/orders`
    const clientAuth = clientCertificate({ ...issued, ca: company.cert })
    await using provider = createTokenProvider({ issuer, clientId: 'issued', clientAuth })
    const instance = axios.create()
    instance.interceptors.request.use(axiosAuth(provider))
    expect((await instance.get(url)).data).toBe('here they are')
    expect(await got.extend(gotAuth(provider))(url).text()).toBe('here they are')
    const agent = new Agent({ connect: clientAuth.connect })
    const { body } = await undiciRequest(url, { dispatcher: agent.compose(undiciAuth(provider) as never) })
    expect(await body.text()).toBe('here they are')
    await agent.destroy()

    const { accessToken } = await provider.getToken()
    const stranger = new Agent({ connect: clientCertificate({ ...own, ca: company.cert }).connect })
    const headers = { authorization: `Bearer ${accessToken}` }
    const { statusCode, body: refusal } = await undiciRequest(url, { dispatcher: stranger, headers })
    expect(statusCode).toBe(401)
    await refusal.dump()
    await stranger.destroy()
  })
})
