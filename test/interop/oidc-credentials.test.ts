import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  clientAssertion,
  createTokenProvider,
  jwtBearer,
  type McaAuthOptions,
  privateKeyJwt,
  tokenExchange,
} from '@mca-auth/core'
import { SignJWT } from 'jose'
import Provider, { errors } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const keys = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
}
const secret = 'a fake secret of more than 32 bytes, for HMAC'
const path = '/realms/shop'
const exchangeType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const bearerType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const publicJwk = (key: KeyObject, alg: string) => ({ ...key.export({ format: 'jwk' }), alg, kid: alg, use: 'sig' })

/** oidc-provider under a path, with its metadata at one of the two locations, and the types of the received assertions. */
async function start(location: 'openid-configuration' | 'oauth-authorization-server') {
  const types: unknown[] = []
  let answer: RequestListener = () => {}
  const server: Server = createServer((request, response) => {
    const url = request.url ?? ''
    const isInserted = url === `/.well-known/oauth-authorization-server${path}`
    const within = isInserted ? '/.well-known/oauth-authorization-server' : url.slice(path.length)
    const isHere = isInserted || url.startsWith(`${path}/`)
    if (!isHere || (within.startsWith('/.well-known/') && within !== `/.well-known/${location}`)) {
      response.writeHead(404).end()
      return
    }
    // Like a mount in Express.
    Object.assign(request as IncomingMessage & { originalUrl: string }, {
      originalUrl: `${path}${within}`,
      url: within,
    })
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  const client = {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials', exchangeType, bearerType],
  }
  const provider = new Provider(issuer, {
    clients: [
      ...Object.entries(keys).map(([alg, { publicKey }]) => ({
        ...{ ...client, client_id: alg, token_endpoint_auth_method: 'private_key_jwt' },
        jwks: { keys: [publicJwk(publicKey, alg)] },
      })),
      { ...client, client_id: 'hmac', client_secret: secret, token_endpoint_auth_method: 'client_secret_jwt' },
      {
        ...client,
        client_id: 'awkward:id',
        client_secret: 'fake+secret %',
        token_endpoint_auth_method: 'client_secret_post',
      },
      { ...client, client_id: 'public', token_endpoint_auth_method: 'none' },
    ],
    ttl: { ClientCredentials: 120 },
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    assertJwtClientAuthClaimsAndHeader: async (
      _context: unknown,
      claims: { aud: unknown },
      header: { typ: string },
    ) => {
      types.push(header.typ)
      // As FAPI 2 and rfc7523bis require.
      if (claims.aud !== issuer) throw new errors.InvalidClientAuth('audience must be the issuer')
    },
  })
  // The exchange is registered as a custom grant, as in the provider's documentation.
  const exchange = (name: string, field: string) =>
    provider.registerGrantType(
      name,
      async (context: { body: unknown; oidc: { client: { clientId: string }; params: Record<string, string> } }) => {
        const { client, params } = context.oidc
        if (params[field] !== 'fake-subject') throw new errors.InvalidGrant('unknown subject')
        const token = new provider.ClientCredentials({ client })
        context.body = { access_token: await token.save(), expires_in: token.expiration, token_type: 'Bearer' }
      },
      [field, 'subject_token_type', 'audience', 'scope'],
    )
  exchange(exchangeType, 'subject_token')
  exchange(bearerType, 'assertion')
  provider.on('server_error', () => {})
  answer = provider.callback()
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { issuer, types, close }
}

describe.each(['openid-configuration', 'oauth-authorization-server'] as const)(
  'oidc-provider with its %s',
  (location) => {
    let server: Awaited<ReturnType<typeof start>>
    beforeAll(async () => {
      server = await start(location)
    })
    afterAll(() => server.close())

    async function tokenOf(options: McaAuthOptions) {
      await using provider = createTokenProvider({ issuer: server.issuer, ...options })
      const token = await provider.getToken()
      expect(token.expiresAt - token.issuedAt).toBe(120_000)
      expect(provider.health().tokenEndpoint).toBe(`${server.issuer}/token`)
      return token
    }

    it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)(
      'accepts an assertion signed with %s, for the issuer',
      async (alg) => {
        const before = server.types.length
        const key = keys[alg].privateKey
        await tokenOf({ clientId: alg, clientAuth: privateKeyJwt(key, alg === 'PS256' ? { alg } : {}) })
        await tokenOf({ clientId: alg, clientAuth: privateKeyJwt({ ...key.export({ format: 'jwk' }), alg, kid: alg }) })
        expect(server.types.slice(before)).toEqual(['client-authentication+jwt', 'client-authentication+jwt'])
      },
    )

    it('accepts an assertion with an HMAC of the secret', async () => {
      await tokenOf({ clientId: 'hmac', secret, clientAuth: 'client_secret_jwt' })
    })

    it('accepts id and secret in the form, listed in its metadata, if the encoding in Basic matters', async () => {
      await tokenOf({ clientId: 'awkward:id', secret: 'fake+secret %' })
    })

    it('accepts an assertion that the platform has signed', async () => {
      const claims = { iss: 'ES256', sub: 'ES256', aud: server.issuer }
      const sign = () =>
        new SignJWT({ ...claims, jti: crypto.randomUUID() })
          .setProtectedHeader({ alg: 'ES256' })
          .setExpirationTime('5 min')
          .setIssuedAt()
          .sign(keys.ES256.privateKey)
      await tokenOf({ clientId: 'ES256', clientAuth: clientAssertion(sign) })
    })

    it('denies an assertion for the token endpoint or of another key, after a single token request', async () => {
      const clientAuth = privateKeyJwt(keys.ES256.privateKey, { audience: `${server.issuer}/token` })
      await expect(tokenOf({ clientId: 'ES256', clientAuth })).rejects.toMatchObject({ error: 'invalid_client' })
      const foreign = privateKeyJwt(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
      await expect(tokenOf({ clientId: 'ES256', clientAuth: foreign })).rejects.toMatchObject({
        error: 'invalid_client',
      })
    })

    it('exchanges a token, with a client that authenticates and with a public one', async () => {
      const grant = tokenExchange({ subjectToken: 'fake-subject', subjectTokenType: 'jwt' })
      await tokenOf({ grant, clientId: 'ES256', clientAuth: privateKeyJwt(keys.ES256.privateKey) })
      await tokenOf({ grant, clientId: 'public', parameters: { audience: 'orders' } })
      await tokenOf({ grant: jwtBearer({ assertion: 'fake-subject' }), clientId: 'public' })
      const wrong = tokenExchange({ subjectToken: 'fake-other' })
      await expect(tokenOf({ grant: wrong, clientId: 'public' })).rejects.toMatchObject({
        error: 'invalid_grant',
        code: 'TOKEN_REQUEST_REFUSED',
      })
    })
  },
)
