// Client authentication by a certificate, and tokens that are bound to it (RFC 8705), on the token side.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  clientCertificate,
  createTokenProvider,
  forwardIncoming,
  getAuthorizationHeader,
  type McaAuthError,
  type McaAuthOptions,
} from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { type AuthorizationServer, memoryTokenCache, startAuthorizationServer } from '@mca-auth/testing'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type Authority,
  authority,
  CertificateDirectory,
  type Pem,
  selfSigned,
  thumbprintOf,
} from '../servers/certificates.ts'
import { recordingFetch } from '../servers/sent-token-requests.ts'

let issuer: Authority
let tls: Pem
let one: Pem
let two: Pem
let directory: CertificateDirectory
const open: AsyncDisposable[] = []
const verifies = process.env.NODE_TLS_REJECT_UNAUTHORIZED

beforeAll(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '1'
  issuer = await authority()
  ;[tls, one, two] = await Promise.all([issuer.issue('server'), issuer.issue('orders'), issuer.issue('orders')])
})
afterAll(() => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = verifies
})
beforeEach(() => {
  directory = new CertificateDirectory()
  directory.write(one)
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  directory[Symbol.dispose]()
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function startServer(options: { ca?: string } = { ca: issuer.cert }): Promise<AuthorizationServer> {
  const server = await startAuthorizationServer({ tls: { ...tls, ...options } })
  open.push(server)
  return server
}

const fromFiles = () => clientCertificate({ cert: directory.cert, key: directory.key, ca: issuer.cert })
const ofPair = (pair: Pem) => clientCertificate({ ...pair, ca: issuer.cert })

function providerOf({ appId: { clientId, oauthServerUrl } }: AuthorizationServer, options: McaAuthOptions = {}) {
  const provider = createTokenProvider({ clientId, oauthServerUrl, clientAuth: fromFiles(), ...options })
  open.push(provider)
  return provider
}

const boundTo = (accessToken: string) =>
  (decodeJwt(accessToken).cnf as Record<string, unknown> | undefined)?.['x5t#S256']

/** Lets a second pass, after which requests check the files again. */
const later = () => {
  const now = performance.now() + 1_000
  vi.spyOn(performance, 'now').mockImplementation(() => now)
}

describe('a provider with a client certificate', () => {
  it('authenticates with the connection, sends only its id, and gets a token that is bound to the certificate', async () => {
    const server = await startServer()
    const { accessToken, tokenType } = await providerOf(server).getToken()
    expect(boundTo(accessToken)).toBe(thumbprintOf(one))
    expect(tokenType).toBe('Bearer')
    expect(server.certificates.seen).toEqual([thumbprintOf(one)])
  })

  it('may have a self-signed certificate, if the server accepts those', async () => {
    const pair = await selfSigned('orders')
    const lenient = await startServer({})
    const { accessToken } = await providerOf(lenient, { clientAuth: ofPair(pair) }).getToken()
    expect(boundTo(accessToken)).toBe(thumbprintOf(pair))
    const strict = await startServer()
    await expect(providerOf(strict, { clientAuth: ofPair(pair) }).getToken()).rejects.toMatchObject({
      ...{ code: 'TOKEN_REQUEST_REFUSED', error: 'invalid_client' },
    })
  })

  it('needs a client id, and no secret', () => {
    const given = { tokenEndpoint: 'https://idp.example.com/token', clientAuth: ofPair(one) }
    expect(() => createTokenProvider(given)).toThrow(expect.objectContaining({ code: 'MISSING_CLIENTID_ERROR' }))
    createTokenProvider({ ...given, clientId: 'orders' }).close()
  })

  it('rejects plain HTTP, which has no certificate, even on loopback and if plain HTTP is allowed', async () => {
    const given = { clientId: 'orders', clientAuth: ofPair(one), allowInsecureRequests: true }
    for (const tokenEndpoint of ['http://127.0.0.1:2/token', 'http://idp.example.com/token']) {
      expect(() => createTokenProvider({ ...given, tokenEndpoint })).toThrow(
        expect.objectContaining({
          code: 'INSECURE_TRANSPORT',
          message: expect.stringMatching(/plain http, which cannot carry a client certificate/),
        }),
      )
    }
  })

  it('cannot use its certificate as a grant', () => {
    const given = { tokenEndpoint: 'https://idp.example.com/token', grant: ofPair(one) }
    expect(() => createTokenProvider(given)).toThrow('`grant` cannot be this function (client certificate)')
  })

  it('sends with a given `fetch` instead', async () => {
    const { fetch, sent } = recordingFetch()
    const given = { tokenEndpoint: 'https://idp.example.com/token', clientId: 'orders', clientAuth: ofPair(one) }
    await using provider = createTokenProvider({ ...given, fetch })
    expect(await provider.getToken()).toMatchObject({ accessToken: 'token-1' })
    expect(sent[0]?.form).toEqual({ grant_type: 'client_credentials', client_id: 'orders' })
    expect(sent[0]?.headers.authorization).toBeUndefined()
  })

  it('reports files that cannot be read when a token is requested, and tries again a second later', async () => {
    const server = await startServer()
    writeFileSync(directory.key, two.key)
    const provider = providerOf(server)
    await expect(provider.getToken()).rejects.toMatchObject({
      code: 'INVALID_CREDENTIALS_SOURCE',
      message: expect.stringMatching(/tls\.crt does not belong to the key in .*tls\.key/),
    })
    expect(server.tokenRequests).toBe(0)
    writeFileSync(directory.cert, two.cert)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1_000 })
    expect(boundTo((await provider.getToken()).accessToken)).toBe(thumbprintOf(two))
  })

  it('also binds tokens to a key (DPoP)', async () => {
    const server = await startServer()
    const { accessToken, tokenType } = await providerOf(server, { dpop: true }).getToken()
    expect(tokenType).toBe('DPoP')
    expect(decodeJwt(accessToken).cnf).toEqual({ jkt: expect.any(String), 'x5t#S256': thumbprintOf(one) })
  })
})

describe('after the certificate was replaced', () => {
  it('a token of the old one is no longer used, and the next one is requested over the new one', async () => {
    const server = await startServer()
    const provider = providerOf(server)
    const first = await provider.getToken()
    directory.write(two)
    later()
    expect(provider.peek()).toBeUndefined()
    expect(provider.health().token?.state).toBe('expired')
    const second = await provider.getToken()
    expect(boundTo(first.accessToken)).toBe(thumbprintOf(one))
    expect(boundTo(second.accessToken)).toBe(thumbprintOf(two))
    expect(await provider.getToken()).toBe(second)
    expect(server.certificates.seen).toEqual([thumbprintOf(one), thumbprintOf(two)])
  })

  it('every scope gets a token of the new one, which concurrent callers share', async () => {
    const server = await startServer()
    const provider = providerOf(server)
    const all = () =>
      Promise.all(
        [undefined, 'a', 'b'].flatMap((scope) => Array.from({ length: 10 }, () => provider.getToken({ scope }))),
      )
    await all()
    directory.write(two)
    later()
    const tokens = await all()
    expect(new Set(tokens.map(({ accessToken }) => boundTo(accessToken)))).toEqual(new Set([thumbprintOf(two)]))
    expect(server.tokenRequests).toBe(6)
  })

  // Every resource would reject a token whose certificate is no longer used.
  it('the old token is not used either if no new one is available', async () => {
    const server = await startServer()
    const provider = providerOf(server)
    await provider.getToken()
    server.certificates.revoked.add(thumbprintOf(two))
    directory.write(two)
    later()
    await expect(provider.getToken()).rejects.toMatchObject({ error: 'invalid_client' })
  })

  it('the files are read again after a denial, and the request is repeated with the new content', async () => {
    const server = await startServer()
    const provider = providerOf(server)
    server.certificates.revoked.add(thumbprintOf(one))
    const pending = provider.getToken()
    // The request is denied while the files are replaced.
    directory.write(two)
    expect(boundTo((await pending).accessToken)).toBe(thumbprintOf(two))
    server.certificates.revoked.add(thumbprintOf(two))
    const { tokenRequests } = server
    provider.clear()
    await expect(provider.getToken()).rejects.toMatchObject({ error: 'invalid_client' })
    expect(server.tokenRequests).toBe(tokenRequests + 1)
  })

  it('tokens are not used longer than the certificate is valid', async () => {
    const server = await startServer()
    const hour = 3600_000
    const pair = await issuer.issue('orders', { notAfterDate: new Date(Date.now() + hour / 4) })
    directory.write(pair)
    const provider = providerOf(server)
    await provider.getToken()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hour / 2 })
    await expect(provider.getToken()).rejects.toMatchObject({
      code: 'INVALID_CREDENTIALS_SOURCE',
      message: expect.stringMatching(/^the client certificate from .*tls\.crt expired at /),
    })
    expect(server.tokenRequests).toBe(1)
  })
})

describe('the owner of a token', () => {
  it('is equal for processes with the same certificate, which share their tokens', async () => {
    const server = await startServer()
    const sharedCache = memoryTokenCache({ encryptionKeys: ['a fake key of a fleet, of 32 bytes at least'] })
    const tokenWith = async (pair: Pem) => {
      const { accessToken } = await providerOf(server, { clientAuth: ofPair(pair), sharedCache }).getToken()
      return boundTo(accessToken)
    }
    expect(await tokenWith(one)).toBe(thumbprintOf(one))
    await expect.poll(() => tokenWith(one).then(() => server.tokenRequests)).toBeLessThanOrEqual(2)
    const { tokenRequests } = server
    expect(await tokenWith(one)).toBe(thumbprintOf(one))
    expect(server.tokenRequests).toBe(tokenRequests)
    expect(await tokenWith(two)).toBe(thumbprintOf(two))
    expect(server.tokenRequests).toBe(tokenRequests + 1)
  })

  it('changes after a rotation, so the shared token of the old certificate is not found', async () => {
    const server = await startServer()
    const sharedCache = memoryTokenCache({ encryptionKeys: ['a fake key of a fleet, of 32 bytes at least'] })
    const provider = providerOf(server, { sharedCache })
    await provider.getToken()
    directory.write(two)
    later()
    expect(boundTo((await provider.getToken()).accessToken)).toBe(thumbprintOf(two))
  })

  it('differs between certificates in getAuthorizationHeader()', async () => {
    const server = await startServer()
    const { clientId, oauthServerUrl } = server.appId
    const headerWith = async (pair: Pem) => {
      const header = await getAuthorizationHeader({ clientId, oauthServerUrl, clientAuth: ofPair(pair) })
      return boundTo(header.slice('Bearer '.length))
    }
    expect([await headerWith(one), await headerWith(two), await headerWith(one)]).toEqual([
      ...[thumbprintOf(one), thumbprintOf(two), thumbprintOf(one)],
    ])
    expect(server.tokenRequests).toBe(2)
  })
})

describe('an issuer with `mtls_endpoint_aliases` (RFC 8705 §5)', () => {
  /** Metadata without TLS, on loopback. */
  async function startIssuer(document: (issuer: string) => Record<string, unknown>): Promise<string> {
    const server = createServer((_request, response) => response.end(JSON.stringify(document(url))))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    open.push({
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections()
        server.close()
      },
    })
    return url
  }
  const outcomeOf = async (options: McaAuthOptions) => {
    const provider = createTokenProvider({ clientId: 'test-client', clientAuth: fromFiles(), ...options })
    open.push(provider)
    const outcome = await provider.getToken().catch((error: McaAuthError) => error)
    return { outcome, tokenEndpoint: provider.health().tokenEndpoint }
  }

  it('has tokens requested at the alias, but only with a certificate', async () => {
    const certified = await startServer()
    const plain = await startAuthorizationServer()
    open.push(plain)
    const alias = `${certified.appId.oauthServerUrl}/token`
    const url = await startIssuer((own) => ({
      issuer: own,
      token_endpoint: `${plain.appId.oauthServerUrl}/token`,
      mtls_endpoint_aliases: { token_endpoint: alias },
    }))
    const { outcome, tokenEndpoint } = await outcomeOf({ issuer: url })
    expect(outcome).toMatchObject({ accessToken: expect.any(String) })
    expect(tokenEndpoint).toBe(alias)
    expect([certified.tokenRequests, plain.tokenRequests]).toEqual([1, 0])
    await outcomeOf({ issuer: url, clientAuth: undefined, secret: plain.secret })
    expect([certified.tokenRequests, plain.tokenRequests]).toEqual([1, 1])
    // No adapter may send this request through itself.
    const authorizer = createRequestAuthorizer('test', { ...plain.appId })
    expect(authorizer.begin({ url: alias, method: 'POST' })).toBeUndefined()
  })

  it('has tokens requested at the token endpoint if there is no alias for it', async () => {
    const server = await startServer()
    const url = await startIssuer((own) => ({
      issuer: own,
      token_endpoint: `${server.appId.oauthServerUrl}/token`,
      mtls_endpoint_aliases: { revocation_endpoint: 'https://elsewhere.example.com' },
    }))
    expect((await outcomeOf({ issuer: url })).outcome).toMatchObject({ accessToken: expect.any(String) })
  })

  it.each<[string, unknown, string]>([
    ['plain HTTP', 'http://127.0.0.1:2/token', 'INSECURE_TRANSPORT'],
    ['no URL', 'token', 'DISCOVERY_INVALID'],
    ['a URL with a password', 'https://user:fake@idp.example.com/token', 'DISCOVERY_INVALID'],
  ])('causes an error if the alias is %s', async (_what, alias, code) => {
    const url = await startIssuer((own) => ({
      ...{ issuer: own, token_endpoint: 'https://127.0.0.1:2/token' },
      mtls_endpoint_aliases: { token_endpoint: alias },
    }))
    expect((await outcomeOf({ issuer: url })).outcome).toMatchObject({ code })
  })

  it('has its metadata looked up again if the alias has moved, and only then', async () => {
    const server = await startServer()
    let alias = 'https://127.0.0.1:2/token'
    let lookups = 0
    const url = await startIssuer((own) => {
      lookups++
      return {
        issuer: own,
        token_endpoint: 'https://127.0.0.1:2/other',
        mtls_endpoint_aliases: { token_endpoint: alias },
      }
    })
    const provider = createTokenProvider({ issuer: url, clientId: 'test-client', clientAuth: fromFiles() })
    open.push(provider)
    await expect(provider.getToken()).rejects.toMatchObject({ code: 'TOKEN_REQUEST_FAILED' })
    expect(lookups).toBe(2)
    alias = `${server.appId.oauthServerUrl}/token`
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6 * 60_000 })
    expect(await provider.getToken()).toMatchObject({ accessToken: expect.any(String) })
    expect(lookups).toBe(3)
  })
})

it('exchanges the tokens of callers for tokens that are bound to the certificate, and again when it was replaced', async () => {
  const server = await startServer()
  const provider = providerOf(server, { origins: 'https://stock.example.com', incoming: 'exchange' })
  const authorizer = createRequestAuthorizer('test', provider)
  const get = { url: 'https://stock.example.com/items', method: 'GET' }
  const tokens = await Promise.all(['alice', 'bob'].map((user) => server.users.tokenOf(user)))
  const bindings = async () => {
    const sent = tokens.map((token) =>
      forwardIncoming({ headers: { authorization: `Bearer ${token}` } }, async () => {
        const authorization = authorizer.begin(get)
        const { authorization: header = '' } = (await authorization?.headersFor(get)) ?? {}
        expect(authorization?.certificate).toBeDefined()
        const accessToken = header.replace('Bearer ', '')
        return [(await server.verify(accessToken))?.subject, boundTo(accessToken)]
      }),
    )
    return Promise.all(sent)
  }
  const of = (pair: Pem) => ['alice', 'bob'].map((user) => [user, thumbprintOf(pair)])
  expect(await bindings()).toEqual(of(one))
  directory.write(two)
  later()
  expect(await bindings()).toEqual(of(two))
  expect(server.users.exchanged).toHaveLength(4)
})
