import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import {
  createTokenProvider,
  getAuthorizationHeader,
  ibmVpc,
  type McaAuthError,
  type McaAuthOptions,
  privateKeyJwt,
} from '@mca-auth/core'
import { type AuthorizationServer, memoryTokenCache, startAuthorizationServer } from '@mca-auth/testing'
import { calculateJwkThumbprint, compactVerify, decodeJwt, decodeProtectedHeader, type JWK } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Answer, recordingFetch } from '../servers/sent-token-requests.ts'

const tokenEndpoint = 'https://idp.example.com/realms/x/token?tenant=1'
const bound = { access_token: 'fake-token', token_type: 'DPoP', expires_in: 3600 }
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const thumbprintOf = (key: KeyObject) => calculateJwkThumbprint(key.export({ format: 'jwk' }) as JWK)

/** A provider whose token requests get these responses. */
function provide(answer: Answer, options: McaAuthOptions = {}) {
  const { fetch, sent } = recordingFetch(answer)
  const own = { fetch, tokenEndpoint, clientId: 'orders', secret: 'not-a-real-secret', dpop: true as const }
  return { provider: createTokenProvider({ ...own, ...options }), sent }
}

const denied = (error: string, nonce?: string) =>
  Response.json({ error }, { status: 400, headers: nonce === undefined ? {} : { 'dpop-nonce': nonce } })

describe('a proof', () => {
  it('of the token request has the claims of RFC 9449 §4.2, and is signed with a generated key', async () => {
    const { provider, sent } = provide(() => Response.json(bound))
    const token = await provider.getToken()
    expect(token).toMatchObject({ accessToken: 'fake-token', tokenType: 'DPoP' })
    const proof = sent[0]?.headers.dpop ?? ''
    const { jwk, ...header } = decodeProtectedHeader(proof)
    expect(header).toEqual({ typ: 'dpop+jwt', alg: 'ES256' })
    expect(Object.keys(jwk ?? {}).sort()).toEqual(['crv', 'kty', 'x', 'y'])
    await compactVerify(proof, createPublicKey({ key: jwk as never, format: 'jwk' }))
    expect(decodeJwt(proof)).toEqual({
      jti: expect.stringMatching(/^[\da-f-]{36}$/),
      htm: 'POST',
      htu: 'https://idp.example.com/realms/x/token',
      iat: expect.closeTo(Date.now() / 1000, -1),
    })
    expect(inspect(provider, { depth: 9 })).not.toMatch(/fake-token|PRIVATE/)
  })

  it.each([
    ['an RSA key', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256'],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'ES384'],
    ['P-521', generateKeyPairSync('ec', { namedCurve: 'P-521' }), 'ES512'],
    ['Ed25519', generateKeyPairSync('ed25519'), 'EdDSA'],
    ['P-256', p256, 'ES256'],
  ])('is signed with the given key: %s', async (_name, { privateKey, publicKey }, alg) => {
    const jwk = privateKey.export({ format: 'jwk' })
    for (const dpop of [privateKey, pem(privateKey), Buffer.from(pem(privateKey)), jwk]) {
      const { provider, sent } = provide(() => Response.json(bound), { dpop })
      // The integers of an ECDSA signature vary in length.
      for (let i = 0; i < 20; i++) {
        const { dpop: proof = '' } = await provider.headersFor({ url: 'https://orders.example.com' })
        const { protectedHeader } = await compactVerify(proof, publicKey)
        expect(protectedHeader).toMatchObject({ alg, jwk: publicKey.export({ format: 'jwk' }) })
      }
      expect(sent).toHaveLength(1)
    }
  })

  it('for one request can be made by hand, with the digest of the token and the given nonce', async () => {
    const { provider } = provide(() => Response.json(bound))
    const url = new URL('https://Orders.example.com:443/a/../b%20c?d=e#f')
    const first = await provider.headersFor({ url, method: 'PUT', nonce: 'first-nonce' })
    const second = await provider.headersFor({ url: 'https://orders.example.com/' })
    const elsewhere = await provider.headersFor({ url: 'https://orders.example.com:8443/' })
    expect(first.authorization).toBe('DPoP fake-token')
    expect([first, second, elsewhere].map(({ dpop = '' }) => decodeJwt(dpop))).toMatchObject([
      {
        htm: 'PUT',
        htu: 'https://orders.example.com/b%20c',
        nonce: 'first-nonce',
        ath: '4UZhh8hEySG2Iq_yGXREz9wsh0ifem5xzvR7MaFgLO0',
      },
      { htm: 'GET', htu: 'https://orders.example.com/', nonce: 'first-nonce' },
      { htu: 'https://orders.example.com:8443/' },
    ])
    expect(decodeJwt(elsewhere.dpop ?? '')).not.toHaveProperty('nonce')
    await expect(provider.headersFor({ url: 'orders' })).rejects.toThrow('`url` must be an absolute http(s) URL')
    await expect(provider.headersFor({ url, method: '' })).rejects.toThrow('`method` must be a non-empty string')
  })

  it.each([-90_000, 60_000])(
    'is dated by the clock of the server, which is %i ms off, even after a denial',
    async (offMs) => {
      const start = Date.now()
      const headers = () => ({ date: new Date(Date.now() + offMs).toUTCString() })
      const { provider, sent } = provide((_request, count) =>
        count === 1
          ? Response.json({ error: 'invalid_target' }, { status: 400, headers: headers() })
          : Response.json(bound),
      )
      await expect(provider.getToken()).rejects.toMatchObject({ error: 'invalid_target' })
      provider.clear() // keeps what was learnt about the server
      await provider.getToken()
      const { iat = 0 } = decodeJwt(sent[1]?.headers.dpop ?? '')
      // `Date` and `iat` are whole seconds, and both were read at some time since the start.
      const tookSeconds = (Date.now() - start) / 1000
      expect(Math.abs(iat - (Date.now() + offMs) / 1000)).toBeLessThan(2 * tookSeconds + 2)
    },
  )
})

describe('the algorithm', () => {
  const issuer = 'https://idp.example.com/realms/x'
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const ed25519 = generateKeyPairSync('ed25519').privateKey

  /** A provider that looks the server's list up. `lists`: the result of each lookup; the last one is repeated. */
  function looksUp(lists: readonly unknown[], dpop: McaAuthOptions['dpop'] = true, token = () => Response.json(bound)) {
    let lookups = 0
    const answer: Answer = ({ method }) => {
      if (method === 'POST') return token()
      const list = lists[Math.min(lookups++, lists.length - 1)]
      const metadata = { issuer, token_endpoint: `${issuer}/token`, dpop_signing_alg_values_supported: list }
      return Response.json(metadata)
    }
    const { provider, sent } = provide(answer, { tokenEndpoint: undefined, issuer, dpop })
    const proofs = () => sent.filter(({ method }) => method === 'POST').map(({ headers }) => headers.dpop ?? '')
    return { provider, proofs }
  }

  const signedWith = async ({ provider, proofs }: ReturnType<typeof looksUp>) => {
    const { dpop = '' } = await provider.headersFor({ url: 'https://orders.example.com' })
    const [atEndpoint, atResource] = [proofs().at(-1) ?? '', dpop].map((proof) => decodeProtectedHeader(proof))
    expect(atResource).toEqual(atEndpoint)
    await compactVerify(dpop, createPublicKey({ key: atResource?.jwk as never, format: 'jwk' }))
    return atEndpoint?.alg
  }

  it.each([
    ['ES256', ['RS256', 'EdDSA', 'ES256']],
    ['EdDSA', ['RS256', 'Ed25519', 'EdDSA']],
    ['EdDSA', ['EdDSA']],
    ['Ed25519', ['PS256', 'Ed25519']],
    ['ES256', undefined],
    ['ES256', []],
    ['ES256', 'Ed25519'],
    ['ES256', [1, 2]],
  ])('of a generated key is %s if the server lists %j', async (alg, list) => {
    expect(await signedWith(looksUp([list]))).toBe(alg)
  })

  it.each([[['RS256', 'PS256']], [['ES384']], [['none', 'a\u202eb', 'HS256']], [['es256']]])(
    'of a generated key that the server does not list is an error that says so: %j',
    async (list) => {
      const { provider, proofs } = looksUp([list])
      const error: McaAuthError = await provider.getToken().catch((reason) => reason)
      expect(error.code).toBe('INVALID_CREDENTIALS_SOURCE')
      expect(error.message).toMatch(/for which `dpop: true` cannot generate a key: give one as `dpop`/)
      expect(error.message).toContain(list[0])
      expect(error.message).not.toContain('\u202e')
      expect(proofs()).toEqual([])
      await expect(provider.getToken()).rejects.toMatchObject({ message: error.message }) // remembered
    },
  )

  it.each([
    ['PS256', rsa, ['ES256', 'PS512', 'PS256']],
    ['RS256', rsa, ['PS256', 'RS256']],
    ['Ed25519', ed25519, ['ES256', 'Ed25519']],
    ['EdDSA', ed25519, undefined],
    ['PS384', { ...rsa.export({ format: 'jwk' }), alg: 'PS384' }, ['RS256', 'PS256']],
    ['ES256', p256.privateKey, ['RS256']],
  ])('of a given key is %s, whatever else the server lists', async (alg, dpop, list) => {
    expect(await signedWith(looksUp([list], dpop as KeyObject))).toBe(alg)
  })

  it('is named in the error if the server does not list it and denies the proof, and only then', async () => {
    const denial = (error: string) => () => denied(error)
    const hint = /proofs are signed with ES256, which the server does not list/
    const unlisted = looksUp([['PS256']], p256.privateKey, denial('invalid_dpop_proof'))
    await expect(unlisted.provider.getToken()).rejects.toMatchObject({
      code: 'TOKEN_REQUEST_REFUSED',
      error: 'invalid_dpop_proof',
      message: expect.stringMatching(hint),
    })
    for (const [list, error] of [
      [['PS256'], 'invalid_client'],
      [['ES256'], 'invalid_dpop_proof'],
      [undefined, 'invalid_dpop_proof'],
    ] as const) {
      const { provider } = looksUp([list], p256.privateKey, denial(error))
      await expect(provider.getToken()).rejects.toMatchObject({ message: expect.not.stringMatching(hint) })
    }
  })

  it('of a generated key stays the same when the list changes, since tokens are bound to the key', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const looked = looksUp([['ES256'], ['RS256']])
      const { provider, proofs } = looked
      await provider.getToken()
      vi.setSystemTime(Date.now() + 25 * 3_600_000)
      expect(await signedWith(looked)).toBe('ES256')
      const keys = proofs().map((proof) => decodeProtectedHeader(proof).jwk)
      expect(keys).toHaveLength(2)
      expect(keys[1]).toEqual(keys[0])
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('the token endpoint', () => {
  it('gets a proof with its nonce at once, in the same attempt, with a new assertion', async () => {
    const clientAuth = privateKeyJwt(p256.privateKey)
    const answer: Answer = (_request, count) => (count === 1 ? denied('use_dpop_nonce', 'n-1') : Response.json(bound))
    const { provider, sent } = provide(answer, { clientAuth, secret: undefined })
    await provider.getToken()
    const proofs = sent.map(({ headers }) => decodeJwt(headers.dpop ?? ''))
    expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'n-1'])
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(2)
    expect(new Set(sent.map(({ form }) => form.client_assertion)).size).toBe(2)
    expect(provider.health().failure).toBeUndefined()
  })

  it.each(['invalid_dpop_proof', 'use_dpop_nonce'])(
    'that never accepts a proof (%s) gets no further request',
    async (error) => {
      for (const nonce of ['always', undefined]) {
        const { provider, sent } = provide(() => denied(error, nonce))
        await expect(provider.getToken()).rejects.toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error })
        await expect(provider.getToken({ scope: 'other' })).rejects.toMatchObject({ error }) // it applies to every token request
        expect(sent).toHaveLength(nonce === undefined ? 1 : 2)
      }
    },
  )

  it('that demands a new nonce each time gets as many requests as one that fails', async () => {
    const answer: Answer = (_request, count) =>
      count < 5 ? denied('use_dpop_nonce', `n-${count}`) : Response.json(bound)
    const { provider, sent } = provide(answer)
    await provider.getToken()
    expect(sent).toHaveLength(5)
    const never = provide((_request, count) => denied('use_dpop_nonce', `n-${count}`))
    await expect(never.provider.getToken()).rejects.toMatchObject({ error: 'use_dpop_nonce' })
    expect(never.sent).toHaveLength(3 * 2)
  })

  it('may send a nonce with any response, and the newest counts, also after clear()', async () => {
    const answer: Answer = (_request, count) => {
      const headers = { 'dpop-nonce': `n-${count}` }
      return count === 1 ? Response.json({}, { status: 503, headers }) : Response.json(bound, { headers })
    }
    const { provider, sent } = provide(answer)
    await provider.getToken()
    provider.clear()
    await provider.getToken()
    expect(sent.map(({ headers }) => decodeJwt(headers.dpop ?? '').nonce)).toEqual([undefined, 'n-1', 'n-2'])
    // A resource of the same origin has separate nonces.
    const { dpop = '' } = await provider.headersFor({ url: 'https://idp.example.com/userinfo' })
    expect(decodeJwt(dpop)).not.toHaveProperty('nonce')
  })

  it('that sends an invalid nonce changes nothing', async () => {
    const { provider, sent } = provide((_request, count) =>
      count === 1 ? denied('use_dpop_nonce', 'two words "quoted"') : Response.json(bound),
    )
    await expect(provider.getToken()).rejects.toMatchObject({ error: 'use_dpop_nonce' })
    expect(sent).toHaveLength(1)
  })

  it.each(['Bearer', undefined, null, '', 'bearer', 'DPoP2', 'MAC'])(
    'must not issue a token of type %s',
    async (type) => {
      const { provider } = provide(() => Response.json({ ...bound, token_type: type }))
      const error: McaAuthError = await provider.getToken().catch((reason) => reason)
      expect(error.code).toBe('TOKEN_RESPONSE_INVALID')
      expect(error.message).toContain('not bound to the `dpop` key')
      await expect(provider.headersFor({ url: 'https://orders.example.com' })).rejects.toBe(error)
    },
  )

  it('must not issue a bound token if none is wanted', async () => {
    const { provider } = provide(() => Response.json(bound), { dpop: undefined })
    await expect(provider.getToken()).rejects.toMatchObject({ code: 'TOKEN_RESPONSE_INVALID' })
  })
})

describe('the option dpop', () => {
  const options = { tokenEndpoint, clientId: 'orders', secret: 'not-a-real-secret' }
  const make = (more: object) => () => createTokenProvider({ ...options, ...more })

  it('takes a private key that signs synchronously, and nothing else', async () => {
    const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey
    const { privateKey: cryptoKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ])
    const wrong = [
      false,
      'text',
      42,
      null,
      {},
      p256.publicKey,
      p256.publicKey.export({ format: 'jwk' }),
      pss,
      cryptoKey,
    ]
    for (const dpop of [...wrong, { alg: 'ES256', sign: () => new Uint8Array(64) }, { kty: 'oct', k: 'AAAA' }]) {
      expect(make({ dpop })).toThrow(TypeError)
    }
    expect(make({ dpop: cryptoKey })).toThrow('`dpop` must be true, or a private key as PEM, JWK or KeyObject')
  })

  it('goes with a request to a token endpoint only', () => {
    expect(() => createTokenProvider({ source: () => ({ access_token: 'x' }), dpop: true })).toThrow(
      '`dpop` cannot be combined with `source`',
    )
    expect(() => createTokenProvider({ grant: ibmVpc(), dpop: true })).toThrow('are not bound to a key')
  })

  it('makes a header alone useless, so whatever returns one throws and says why', async () => {
    const { provider, sent } = provide(() => Response.json(bound))
    expect(() => provider.peek()).toThrow(/peek\(\).*headersFor\(\{ url, method \}\)/)
    await expect(provider.getAuthorizationHeader()).rejects.toThrow(/getAuthorizationHeader\(\).*headersFor/)
    await expect(getAuthorizationHeader({ ...options, dpop: true })).rejects.toThrow(TypeError)
    expect(sent).toHaveLength(0)
    const token = await provider.getToken()
    expect(provider.invalidate(`DPoP ${token.accessToken}`)).toBe(true)
  })

  it('changes nothing for Bearer tokens, whose headers can be made by hand too', async () => {
    const { provider, sent } = provide(() => Response.json({ ...bound, token_type: 'Bearer' }), { dpop: undefined })
    const headers = await provider.headersFor({ url: 'https://orders.example.com', scope: 'read', nonce: 'ignored' })
    expect(headers).toEqual({ authorization: 'Bearer fake-token' })
    expect(sent[0]?.headers).not.toHaveProperty('dpop')
    expect(sent[0]?.form.scope).toBe('read')
  })
})

describe('a fleet', () => {
  let server: AuthorizationServer
  beforeEach(async () => {
    server = await startAuthorizationServer()
  })
  afterEach(() => server.close())

  it('must be given its key', () => {
    const sharedCache = memoryTokenCache()
    expect(() => createTokenProvider({ ...server.appId, dpop: true, sharedCache })).toThrow(
      /`dpop: true` is a key of one process/,
    )
  })

  it('shares the tokens of one key, in any of its forms, and never those of another key', async () => {
    const cache = memoryTokenCache()
    const set = vi.fn(cache.set)
    const sharedCache = { ...cache, set }
    const keys = [p256.privateKey, pem(p256.privateKey), other.privateKey, undefined]
    const tokens: string[] = []
    for (const dpop of keys) {
      await using provider = createTokenProvider({ ...server.appId, dpop, sharedCache })
      const { accessToken } = await provider.getToken()
      tokens.push(accessToken)
      await vi.waitFor(() => expect(set).toHaveBeenCalledTimes(server.tokenRequests))
    }
    expect(server.tokenRequests).toBe(3)
    expect(tokens[0]).toBe(tokens[1])
    const thumbprints = tokens.map((token) => (decodeJwt(token).cnf as { jkt?: string } | undefined)?.jkt)
    const [own, foreign] = await Promise.all([p256.publicKey, other.publicKey].map(thumbprintOf))
    expect(thumbprints).toEqual([own, own, foreign, undefined])
  })
})
