// Tokens that are bound to a key, issued by oidc-provider, and verified by oauth4webapi and express-oauth2-jwt-bearer.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/fetch'
import { McaAuthenticator } from '@mca-auth/ibm-cloud-sdk'
import axios from 'axios'
import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { BaseService } from 'ibm-cloud-sdk-core'
import { allowInsecureRequests, validateJwtAccessToken } from 'oauth4webapi'
import Provider from 'oidc-provider'
import { afterEach, describe, expect, it } from 'vitest'

const audience = 'https://orders.example.com'
const client = { clientId: 'orders', secret: 'not-a-real-secret' }

/** A service as IBM's generator writes it: on top of `createRequest`, which is protected. */
class OrdersService extends BaseService {
  list(serviceUrl: string) {
    return this.createRequest({ options: { url: '/orders', method: 'GET' }, defaultOptions: { serviceUrl } })
  }
}

describe.each([false, true])('oidc-provider that requires nonces: %s', (requiresNonce) => {
  const listening: Server[] = []
  /** The token endpoint's responses, by status. */
  let answers: number[] = []

  afterEach(() => {
    answers = []
    for (const server of listening.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  async function start(onRequest: (request: IncomingMessage, respond: (status: number) => void) => void) {
    const server = createServer((request, response) => onRequest(request, (status) => response.writeHead(status).end()))
    listening.push(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async function startIssuer(more: object = {}): Promise<string> {
    const server = createServer()
    listening.push(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const provider = new Provider(issuer, {
      ...more,
      clients: [
        {
          client_id: client.clientId,
          client_secret: client.secret,
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
          dpop_bound_access_tokens: true,
        },
      ],
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 'fake'), requireNonce: () => requiresNonce },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => audience,
          getResourceServerInfo: async () => ({ scope: 'read', audience, accessTokenFormat: 'jwt' }),
        },
      },
    })
    const answer = provider.callback()
    server.on('request', (request, response) => {
      response.on('finish', () => request.url === '/token' && answers.push(response.statusCode))
      answer(request, response)
    })
    return issuer
  }

  /** A resource that verifies tokens with a third-party library. */
  const startResource = (issuer: string, verdicts: unknown[]) =>
    start(async ({ headers, method = 'GET', url }, respond) => {
      const request = new Request(`http://${headers.host}${url}`, {
        method,
        headers: headers as Record<string, string>,
      })
      const server = { issuer, jwks_uri: `${issuer}/jwks` }
      const options = { requireDPoP: true, [allowInsecureRequests]: true }
      try {
        verdicts.push(await validateJwtAccessToken(server, request, audience, options))
        respond(200)
      } catch (error) {
        verdicts.push(error)
        respond(401)
      }
    })

  it('binds a token that the middleware of Auth0 accepts, over axios and the SDKs of IBM', async () => {
    const issuer = await startIssuer()
    const app = express()
    // It needs only the metadata of the issuer.
    app.use(auth({ issuerBaseURL: issuer, audience, dpop: { enabled: true, required: true } }))
    app.get('/orders', (request, response) => void response.json(request.auth?.payload.cnf))
    const server = app.listen(0, '127.0.0.1')
    listening.push(server)
    await once(server, 'listening')
    const resource = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await using provider = createTokenProvider({ ...client, issuer, dpop: true })
    const api = axios.create({ baseURL: resource })
    api.interceptors.request.use(axiosAuth(provider))
    expect((await api.get('/orders?a=b')).data).toEqual({ jkt: expect.any(String) })
    const service = new OrdersService({ authenticator: new McaAuthenticator(provider) as never, serviceUrl: resource })
    const { result } = await service.list(resource)
    expect(result).toEqual({ jkt: expect.any(String) })
    // A header alone is useless there, too.
    const { accessToken } = await provider.getToken()
    const headers = { authorization: `Bearer ${accessToken}` }
    expect((await fetch(`${resource}/orders`, { headers })).ok).toBe(false)
  })

  it.each<[string, McaAuthOptions['dpop']]>([
    ['its own key', true],
    ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['Ed25519', generateKeyPairSync('ed25519').privateKey],
  ])('binds a token to %s, which a resource accepts', async (_name, dpop) => {
    const verdicts: unknown[] = []
    const issuer = await startIssuer()
    const resource = await startResource(issuer, verdicts)
    await using provider = createTokenProvider({ ...client, issuer, dpop })
    const authorized = mcaAuth(provider)
    for (const init of [{}, { method: 'POST', body: 'text' }]) {
      expect((await authorized(`${resource}/orders?a=b`, init)).status, String(verdicts.at(-1))).toBe(200)
    }
    expect(verdicts).toMatchObject([{ cnf: { jkt: expect.any(String) } }, { cnf: {} }])
    provider.clear()
    await provider.getToken()
    expect(answers).toEqual(requiresNonce ? [400, 200, 200] : [200, 200])
  })

  it.each(['EdDSA', 'Ed25519'])('that accepts only %s proofs gets them, signed with a generated key', async (alg) => {
    const verdicts: unknown[] = []
    const issuer = await startIssuer({ enabledJWA: { dPoPSigningAlgValues: [alg] } })
    const resource = await startResource(issuer, verdicts)
    await using provider = createTokenProvider({ ...client, issuer, dpop: true })
    const { status } = await mcaAuth(provider)(`${resource}/orders`)
    expect(status, String(verdicts.at(-1))).toBe(200)
  })

  it('denies an unbound token to a client whose tokens must be bound', async () => {
    await using provider = createTokenProvider({ ...client, issuer: await startIssuer() })
    await expect(provider.getToken()).rejects.toMatchObject({ code: expect.stringMatching(/^TOKEN_RE/) })
  })
})
