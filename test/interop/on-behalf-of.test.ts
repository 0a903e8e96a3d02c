// The service of docs/on-behalf-of.md, verbatim, as a separate process, and a real authorization server.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createTokenProvider, forwardIncoming, jwtBearer, type McaAuthOptions, tokenExchange } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/fetch'
import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import Provider, { errors } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { read } from '../repository.ts'
import { endTied, spawnTied } from '../servers/tied-process.ts'

describe('the Express service of the documentation', () => {
  const directory = mkdtempSync(join(import.meta.dirname, '.generated-'))
  let server: AuthorizationServer
  let stock: ProtectedResource
  let service: ReturnType<typeof spawnTied>
  let url: string

  beforeAll(async () => {
    server = await startAuthorizationServer()
    stock = await startProtectedResource({ authorizationServer: server })
    const page = read('docs/on-behalf-of.md')
    const code = /^## A complete service$.*?^```ts\n(.*?)^```$/ms.exec(page)?.[1] ?? ''
    expect(code).toContain('app.listen(')
    writeFileSync(join(directory, 'service.mjs'), code)
    const { clientId, secret, oauthServerUrl } = server.appId
    const variables = {
      ISSUER: oauthServerUrl,
      CLIENT_ID: clientId,
      CLIENT_SECRET: secret,
      STOCK_URL: stock.origin,
      HOST: '127.0.0.1',
      PORT: '0',
    }
    const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    service = spawnTied('env', [...assignments, process.execPath, join(directory, 'service.mjs')])
    let output = ''
    for await (const line of createInterface({ input: service.stdout as NodeJS.ReadableStream })) {
      output += `${line}\n`
      const [, port] = /port: (\d+)/.exec(output) ?? []
      url = `http://127.0.0.1:${port}`
      if (port !== undefined) break
    }
    expect(output).toContain('listening')
  })

  afterAll(async () => {
    await endTied(service)
    await stock.close()
    await server.close()
    rmSync(directory, { recursive: true })
  })

  const order = (id: string, token?: string) =>
    fetch(`${url}/orders/${id}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })

  it('calls the stock service on behalf of each of its callers, and exchanges each token once', async () => {
    const users = Array.from({ length: 10 }, (_, i) => `user-${i}`)
    const tokens = await Promise.all(users.map((user) => server.users.tokenOf(user)))
    for (let round = 0; round < 2; round++) {
      const responses = await Promise.all(users.map((user, i) => order(user, tokens[i])))
      expect(responses.map(({ status }) => status)).toEqual(users.map(() => 200))
      expect(await responses[0]?.json()).toMatchObject({ order: 'user-0', item: { path: '/items/user-0' } })
    }
    expect(stock.accepted).toHaveLength(20)
    for (const { path, subject } of stock.accepted) expect(path).toBe(`/items/${subject}`)
    expect(server.users.exchanged).toHaveLength(10)
    expect(server.users.exchanged[0]).toMatchObject({ audience: ['stock'], form: 'token-exchange' })
  })

  it('responds 401 without a token, with an invalid one, or after the end of the session, and calls no service', async () => {
    const before = stock.received.length
    expect((await order('1')).status).toBe(401)
    expect((await order('1', 'junk')).status).toBe(401)
    expect((await order('1', await server.users.tokenOf('late', { lifetimeSeconds: -120 }))).status).toBe(401)
    server.users.denied.add('mallory')
    const response = await order('1', await server.users.tokenOf('mallory'))
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"'])
    expect(await response.text()).toBe('{"error":"access_denied"}')
    expect(stock.received).toHaveLength(before)
  })

  it('replaces a token that the stock service rejects', async () => {
    const alice = await server.users.tokenOf('alice')
    expect((await order('1', alice)).status).toBe(200)
    server.revoke(stock.accepted.at(-1)?.headers.authorization?.replace('Bearer ', '') ?? '')
    expect((await order('2', alice)).status).toBe(200)
    expect(stock.received.slice(-3).map(({ path }) => path)).toEqual(['/items/1', '/items/2', '/items/2'])
  })

  it('responds 503 while no token can be issued', async () => {
    server.script({ status: 400, body: { error: 'invalid_target' } })
    expect((await order('1', await server.users.tokenOf('bob'))).status).toBe(503)
  })
})

describe('oidc-provider with the exchange as a custom grant, as in its documentation', () => {
  const exchangeType = 'urn:ietf:params:oauth:grant-type:token-exchange'
  const bearerType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  const parameters = [
    ...['audience', 'resource', 'scope', 'requested_token_type', 'subject_token', 'subject_token_type'],
    ...['actor_token', 'actor_token_type', 'assertion', 'requested_token_use'],
  ]
  const secret = 'a fake secret of more than 32 bytes'
  let issuer: string
  let provider: InstanceType<typeof Provider>
  const http = createServer((request, response) => provider.callback()(request, response))

  beforeAll(async () => {
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    const client = { redirect_uris: [], response_types: [], client_secret: secret }
    provider = new Provider(issuer, {
      clients: [
        { ...client, client_id: 'orders', grant_types: ['client_credentials', exchangeType, bearerType] },
        { ...client, client_id: 'other', grant_types: ['client_credentials'] },
      ],
      ttl: { AccessToken: 120, ClientCredentials: 120 },
      features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    })
    const handler = (field: string) => async (context: Context) => {
      const { client, params } = context.oidc
      const subject = await provider.AccessToken.find(params[field] ?? '')
      if (!subject) throw new errors.InvalidGrant('unknown subject')
      const { accountId, grantId } = subject
      const token = new provider.AccessToken({ accountId, client, grantId, gty: 'exchange', scope: params.scope })
      const body = { access_token: await token.save(), expires_in: token.expiration, token_type: 'Bearer' }
      context.body = { ...body, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }
    }
    provider.registerGrantType(exchangeType, handler('subject_token'), parameters, ['audience', 'resource'])
    provider.registerGrantType(bearerType, handler('assertion'), parameters)
    provider.on('server_error', () => {})
  })

  afterAll(() => {
    http.closeAllConnections()
    http.close()
  })

  interface Context {
    body: unknown
    readonly oidc: { readonly client: unknown; readonly params: Record<string, string | undefined> }
  }

  async function tokenOf(accountId: string): Promise<string> {
    const client = await provider.Client.find('orders')
    const token = new provider.AccessToken({
      accountId,
      client,
      grantId: `grant-of-${accountId}`,
      gty: 'test',
    } as never)
    return token.save()
  }

  /** A resource that learns the subject of a token from the provider. */
  async function resource() {
    const accounts: unknown[] = []
    const server = createServer(async (request, response) => {
      const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
      const found = await provider.AccessToken.find(token)
      accounts.push([request.url, found?.accountId, found?.scope])
      response.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return { accounts, origin, [Symbol.asyncDispose]: async () => void server.closeAllConnections(), server }
  }

  it.each<[string, McaAuthOptions]>([
    ['token exchange', {}],
    [
      'its settings',
      { grant: tokenExchange({ subjectTokenType: 'access_token', requestedTokenType: 'access_token' }) },
    ],
    ["Entra's form", { grant: jwtBearer({ requested_token_use: 'on_behalf_of' }) }],
  ])('serves twenty users, with %s', async (_name, options) => {
    await using stock = await resource()
    await using own = createTokenProvider({
      ...{ issuer, clientId: 'orders', secret, scope: 'stock.read', origins: stock.origin, incoming: 'exchange' },
      parameters: { audience: 'stock' },
      ...options,
    })
    const call = mcaAuth(own)
    const users = Array.from({ length: 20 }, (_, i) => `user-${i}`)
    const tokens = await Promise.all(users.map(tokenOf))
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        users.map((user, i) =>
          forwardIncoming({ headers: { authorization: `Bearer ${tokens[i]}` } }, () => call(`${stock.origin}/${user}`)),
        ),
      )
    }
    expect(stock.accounts).toHaveLength(40)
    for (const seen of stock.accounts as [string, string, string][])
      expect(seen).toEqual([`/${seen[1]}`, seen[1], 'stock.read'])
    expect((await own.getToken()).accessToken).toBeDefined()
    expect(own.health()).toMatchObject({ cachedTokens: 1, exchangedTokens: 20 })
    stock.server.close()
  })

  it('denies an unknown token, and a client that may not exchange tokens', async () => {
    await using stock = await resource()
    const send = async (clientId: string, token: string) => {
      await using own = createTokenProvider({ issuer, clientId, secret, origins: stock.origin, incoming: 'exchange' })
      await forwardIncoming({ headers: { authorization: `Bearer ${token}` } }, () => mcaAuth(own)(stock.origin))
    }
    await expect(send('orders', 'unknown')).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(send('other', await tokenOf('alice'))).rejects.toMatchObject({ code: 'TOKEN_REQUEST_REFUSED' })
    expect(stock.accounts).toHaveLength(0)
    stock.server.close()
  })
})
