import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import Provider, { errors } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const resource = 'https://orders.example.com'
const methods = ['client_secret_basic', 'client_secret_post'] as const

/** Characters that must be form-encoded before they are put into Basic (RFC 6749 §2.3.1). */
const awkward = { id: 'orders:service', secret: 'not a real+secret:%/~' }

describe('oidc-provider, a certified authorization server', () => {
  let listening: Server
  let issuer: string

  beforeAll(async () => {
    const clients = methods.map((method) => ({
      client_id: `${awkward.id}-${method}`,
      client_secret: awkward.secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: method,
      scope: 'orders.read orders.write',
    }))
    const provider = new Provider('http://127.0.0.1', {
      clients,
      scopes: ['orders.read', 'orders.write'],
      ttl: { ClientCredentials: 120 },
      features: {
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: async (_context: unknown, asked: string) => {
            if (asked !== resource) throw new errors.InvalidTarget()
            return { scope: 'orders.read orders.write', audience: resource, accessTokenFormat: 'jwt' }
          },
        },
      },
    })
    listening = provider.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    issuer = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
  })

  afterAll(() => {
    listening.closeAllConnections()
    listening.close()
  })

  const provide = (clientAuth: (typeof methods)[number], options: McaAuthOptions = {}) =>
    createTokenProvider({
      tokenEndpoint: `${issuer}/token`,
      clientId: `${awkward.id}-${clientAuth}`,
      secret: awkward.secret,
      clientAuth,
      ...options,
    })

  const introspect = async (token: string) => {
    const response = await fetch(`${issuer}/token/introspection`, {
      method: 'POST',
      body: new URLSearchParams({
        token,
        client_id: `${awkward.id}-client_secret_post`,
        client_secret: awkward.secret,
      }),
    })
    return response.json()
  }

  describe.each(methods)('with %s', (clientAuth) => {
    it('issues an opaque token, which it recognises, with its lifetime and scope', async () => {
      await using provider = provide(clientAuth, { scope: 'orders.read' })
      const token = await provider.getToken()
      expect(token.accessToken).not.toContain('.')
      expect(token.scope).toBe('orders.read')
      expect(token.expiresAt - token.issuedAt).toBe(120_000)
      if (clientAuth === 'client_secret_post') {
        expect(await introspect(token.accessToken)).toMatchObject({ active: true, scope: 'orders.read' })
      }
    })

    it('issues a JWT for a resource (RFC 8707), with its own cache entry', async () => {
      await using provider = provide(clientAuth)
      const [opaque, jwt] = await Promise.all([
        provider.getToken({ scope: 'orders.read' }),
        provider.getToken({ resource, scope: 'orders.write' }),
      ])
      expect(opaque.accessToken).not.toBe(jwt.accessToken)
      const claims = JSON.parse(Buffer.from(jwt.accessToken.split('.')[1] ?? '', 'base64url').toString())
      expect(claims).toMatchObject({ aud: resource, scope: 'orders.write', client_id: `${awkward.id}-${clientAuth}` })
    })

    it('denies invalid token requests with OAuth errors', async () => {
      await using unknown = provide(clientAuth, { secret: 'wrong' })
      await expect(unknown.getToken()).rejects.toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error: 'invalid_client' })
      await using provider = provide(clientAuth)
      await expect(provider.getToken({ resource: 'https://unknown.example.com' })).rejects.toMatchObject({
        code: 'TOKEN_REQUEST_REFUSED',
        error: 'invalid_target',
      })
      // The denial of one token request does not affect another.
      await provider.getToken({ scope: 'orders.read' })
    })
  })
})
