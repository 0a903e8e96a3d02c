import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { importJWK, type JWK, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { doctor, Fixture, run } from './fixture.ts'

const fixture = new Fixture()
let http: Server
let issuer: string
/** Fields that override the usual ones in the metadata. */
let metadata: object
/** The key that the server has registered for the client. */
let registered: JWK
let aheadMs: number

beforeEach(async () => {
  metadata = {}
  aheadMs = 0
  http = createServer(async (request, response) => {
    const json = (status: number, body: unknown) => {
      const date = new Date(Date.now() - aheadMs).toUTCString()
      response.writeHead(status, { 'content-type': 'application/json', date }).end(JSON.stringify(body))
    }
    if (request.url === '/realms/shop/.well-known/openid-configuration') {
      json(200, {
        issuer,
        token_endpoint: `${issuer}/token`,
        token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic'],
        token_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256'],
        grant_types_supported: ['client_credentials'],
        ...metadata,
      })
    } else if (request.url === '/realms/shop/token') {
      const form = new URLSearchParams(await text(request))
      const valid = await isSigned(form.get('client_assertion') ?? '')
      if (valid) json(200, { access_token: 'opaque', token_type: 'Bearer', expires_in: 3600 })
      else json(401, { error: 'invalid_client', error_description: 'no key fits' })
    } else json(404, {})
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}/realms/shop`
})

afterEach(async () => {
  http.closeAllConnections()
  http.close()
  await once(http, 'close')
})

async function isSigned(assertion: string): Promise<boolean> {
  try {
    const options = { issuer: 'orders', subject: 'orders', audience: issuer, clockTolerance: '1 day' }
    await jwtVerify(assertion, await importJWK(registered, registered.alg ?? 'RS256'), options)
    return true
  } catch {
    return false
  }
}

const pem = (key: KeyObject) => String(key.export({ type: 'pkcs8', format: 'pem' }))
const keys = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  EdDSA: () => generateKeyPairSync('ed25519').privateKey,
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
}

describe('mca-auth jwk', () => {
  it.each(Object.entries(keys))(
    'prints the JWK that a server needs to verify an assertion of %s',
    async (alg, make) => {
      const file = fixture.file('client.key', pem(make()))
      const { code, out, err } = await run(['jwk', file])
      expect(code).toBe(0)
      registered = JSON.parse(out)
      expect(registered).toMatchObject({ use: 'sig', kid: expect.stringMatching(/^[\w-]{43}$/) })
      expect(registered.alg).toBe(alg === 'RS256' ? undefined : alg)
      for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth']) expect(registered).not.toHaveProperty(name)
      expect(err).toContain(`{ kid: ${JSON.stringify(registered.kid)} }`)
      // With `=`, since a thumbprint may begin with a dash.
      const args = ['--issuer', issuer, '--client-id', 'orders', '--key-file', file, `--key-id=${registered.kid}`]
      const token = await run(['token', ...args])
      expect([token.out, token.err]).toEqual(['Bearer opaque\n', ''])
    },
  )

  it('keeps the `kid` and the `alg` of a JWK, and reads standard input', async () => {
    const jwk = { ...keys.RS256().export({ format: 'jwk' }), kid: '2026-11', alg: 'PS256' }
    const { out, err } = await run(['jwk', '-'], {}, JSON.stringify(jwk))
    expect(JSON.parse(out)).toEqual({ kty: 'RSA', n: jwk.n, e: jwk.e, use: 'sig', alg: 'PS256', kid: '2026-11' })
    expect(err).toBe('')
    const named = await run(['jwk', '-', '--key-id', 'mine'], {}, JSON.stringify(jwk))
    expect(JSON.parse(named.out).kid).toBe('mine')
  })

  it('rejects a file that is not a key, without showing its content', async () => {
    const encrypted = keys.ES256().export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'fake' })
    const secret = { kty: 'oct', k: 'ZmFrZS1zZWNyZXQ' }
    const cases: [string[], RegExp][] = [
      [['jwk', fixture.file('text', 'fake-secret-in-a-file')], /must be a private or public key/],
      [['jwk', fixture.file('oct', secret)], /must be a private or public key/],
      [['jwk', fixture.file('encrypted', String(encrypted))], /decrypt it with/],
      [['jwk', '/nowhere/client.key'], /cannot be read \(ENOENT\)/],
      [['jwk'], /takes one file/],
      [['jwk', 'a', 'b'], /takes one file/],
      [['jwk', 'a', '--json'], /--json does not go with/],
    ]
    for (const [args, message] of cases) {
      const { code, out, err } = await run(args)
      expect([code, out]).toEqual([2, ''])
      expect(err).toMatch(message)
      expect(err).not.toMatch(/fake-secret|ZmFrZS1zZWNyZXQ/)
    }
  })
})

describe('mca-auth doctor --issuer', () => {
  const withKey = (...more: string[]) => {
    const key = keys.ES256()
    const { d: _, ...known } = key.export({ format: 'jwk' })
    registered = { ...known, alg: 'ES256' }
    const file = fixture.file('client.key', pem(key))
    return ['--issuer', issuer, '--client-id', 'orders', '--key-file', file, ...more]
  }

  it('shows the metadata, and which key signed the assertion', async () => {
    const { code, rows, out } = await doctor(withKey('--key-id', '2026-11'))
    expect(code).toBe(0)
    expect(rows).toEqual(
      expect.arrayContaining([
        `✓ server ${issuer}, an issuer with metadata from the command line`,
        '✓ client auth private_key_jwt from the command line',
        'Discovery',
        expect.stringMatching(/^✓ document .*\/realms\/shop\/\.well-known\/openid-configuration: 200 after \d+ ms$/),
        `· token endpoint ${issuer}/token`,
        '· client auth private_key_jwt, client_secret_basic',
        '· signed with ES256, RS256',
        '· grants client_credentials',
        '· client assertion signed with ES256, key 2026-11',
        `· iss orders, sub orders, aud ${issuer}`,
        '✓ Nothing is wrong: the server issued a token',
      ]),
    )
    expect(out).not.toContain('eyJ')
  })

  it('shows an assertion without a `kid`, and a denial by the server', async () => {
    const args = withKey()
    registered = { ...keys.ES256().export({ format: 'jwk' }), alg: 'ES256' }
    const { code, rows } = await doctor(args)
    expect(code).toBe(4)
    expect(rows).toContain('· client assertion signed with ES256, no `kid`')
    expect(rows).toContainEqual(expect.stringMatching(/^✗ TOKEN_REQUEST_REFUSED .*invalid_client: no key fits/))
  })

  it('reports metadata of another issuer, or none', async () => {
    metadata = { issuer: `${issuer}/` }
    const other = await doctor(withKey())
    expect(other.code).toBe(6)
    expect(other.rows).toContain(`· issuer ${issuer}/`)
    expect(other.out).toMatch(/✗ DISCOVERY_INVALID[^→]*→ give --issuer exactly as/)
    issuer = issuer.replace('shop', 'absent')
    const absent = await doctor(withKey())
    expect(absent.rows.filter((row) => /^✗ document .*: 404/.test(row))).toHaveLength(2)
  })

  it('warns about a grant that the server does not list, and of a clock that is ahead', async () => {
    metadata = { grant_types_supported: ['authorization_code'] }
    aheadMs = 600_000
    const { rows } = await doctor(withKey())
    expect(rows).toContain('! grants the server does not list client_credentials')
    expect(rows).toContainEqual(expect.stringMatching(/^! clock this machine's is (59|60)\d s ahead/))
  })

  it('truncates and escapes the metadata of a hostile server', async () => {
    metadata = { grant_types_supported: ['\u001B[2J', 'client_credentials', 'x'.repeat(5_000)], jwks_uri: { a: 1 } }
    const { code, out } = await doctor(withKey())
    expect(code).toBe(0)
    for (const text of ['\u001B[2J', 'x'.repeat(300)]) expect(out).not.toContain(text)
  })

  it('shows when an assertion of the platform expires, from which file', async () => {
    // The assertion identifies the client.
    const args = ['--issuer', issuer, '--assertion-file']
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { iss: 'https://cluster.example.com', sub: 'orders', exp: Math.floor(Date.now() / 1000) + 30 }
    const file = fixture.file('idp', `${part({ alg: 'RS256' })}.${part(claims)}.ZmFrZS1zaWduYXR1cmU\n`)
    const { code, rows, out } = await doctor([...args, file])
    expect(code).toBe(4)
    expect(rows).toContain('! it expires soon')
    expect(out).not.toContain('ZmFrZS1zaWduYXR1cmU')
    expect((await doctor([...args, '/nowhere/idp'])).out).toMatch(/\/nowhere\/idp cannot be read \(ENOENT\)/)
  })

  it('accepts only one way to authenticate', async () => {
    for (const [args, message] of [
      [['--key-file', 'a', '--client-auth', 'none'], /only one of --client-auth, --key-file/],
      [['--key-id', 'a'], /--key-id goes with --key-file/],
      [['--key-file', fixture.file('text', 'fake')], /--key-file: the key must be a private key/],
      [['--key-file', '/nowhere'], /--key-file cannot be read \(ENOENT\)/],
    ] as const) {
      const { code, err } = await run(['doctor', '--issuer', issuer, ...args])
      expect([code, err]).toEqual([2, expect.stringMatching(message)])
    }
  })
})
