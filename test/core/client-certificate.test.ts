// The settings of clientCertificate(), how it follows files that change, and its messages about unusable files.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { type ClientCertificateSettings, clientCertificate, type McaAuthError } from '@mca-auth/core'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { CertificateFiles } from '../../packages/core/src/credentials/certificate/certificate-files.ts'
import { sourcesOf } from '../../packages/core/src/credentials/certificate/certificate-sources.ts'
import {
  type Authority,
  authority,
  CertificateDirectory,
  type Pem,
  selfSigned,
  thumbprintOf,
} from '../servers/certificates.ts'

/** An Ed25519 certificate that expires in 2126. */
const ed25519 = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBODCB66ADAgECAhQNQ/+WzCeCXrR1uCn5e6ANVlOfbzAFBgMrZXAwETEPMA0G
A1UEAwwGbm9ib2R5MCAXDTI2MTEyNjAzMDEzOVoYDzIxMjYxMTAyMDMwMTM5WjAR
MQ8wDQYDVQQDDAZub2JvZHkwKjAFBgMrZXADIQD4UxbLqshnwryB6O9tBzCQyKYS
lme1K7c4bY6gJjm/CaNTMFEwHQYDVR0OBBYEFPYTmdJ0DRv+Wlky3SdnLRCEp1Ph
MB8GA1UdIwQYMBaAFPYTmdJ0DRv+Wlky3SdnLRCEp1PhMA8GA1UdEwEB/wQFMAMB
Af8wBQYDK2VwA0EAIEMvm7iiVQAYvnEJnBmWm9N1d0Y+MwWaxfdsmP94qVgzOoAJ
p4OeAAA4cQs+89qkCOor5aOGEvGYdlhgC3QEDg==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIA7yfrc2QKgefg2JO+Wz+pgj7XZEBjaX75wu81U8p1jM
-----END PRIVATE KEY-----
`,
}

let issuer: Authority
let one: Pem
let two: Pem
let directory: CertificateDirectory
let now: number

beforeAll(async () => {
  issuer = await authority()
  ;[one, two] = await Promise.all([issuer.issue('orders'), issuer.issue('orders')])
})
beforeEach(() => {
  directory = new CertificateDirectory()
  now = performance.now()
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})
afterEach(() => {
  directory[Symbol.dispose]()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const later = () => {
  now += 1_001
}

function filesOf(settings: ClientCertificateSettings): CertificateFiles {
  const { cert, key, ca, passphrase } = settings
  return new CertificateFiles({
    cert: sourcesOf('cert', cert),
    key: sourcesOf('key', key),
    ca: ca === undefined ? undefined : sourcesOf('ca', ca),
    passphrase,
  })
}

function errorOf(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** Fails if a text contains the key or a part of it. */
function expectNoSecret(error: unknown, ...secrets: string[]): void {
  const shown = [String(error), inspect(error, { depth: null, showHidden: true }), JSON.stringify(error)].join()
  for (const secret of secrets) {
    const body = secret.replaceAll(/-----[^-]+-----|\s/g, '')
    expect(body.length).toBeGreaterThan(15)
    for (const part of [body.slice(0, 20), body.slice(20, 40), body.slice(-20)]) {
      if (part !== '') expect(shown).not.toContain(part)
    }
  }
}

describe('clientCertificate()', () => {
  it('accepts PEM as text, as a Buffer, with CRLF, a BOM, a chain in one text and as a list', async () => {
    const crlf = (text: string) => `\uFEFF${text.replaceAll('\n', '\r\n')}`
    for (const settings of [
      one,
      { cert: Buffer.from(one.cert), key: Buffer.from(one.key) },
      { cert: crlf(one.cert), key: crlf(one.key) },
      { ...one, cert: `${one.cert}\n${issuer.cert}` },
      { ...one, cert: [one.cert, Buffer.from(issuer.cert)] },
      { ...one, ca: [issuer.cert, two.cert] },
      // A common form: key and certificate in one text.
      { cert: `${one.key}\n${one.cert}`, key: `${one.cert}\n${one.key}` },
    ]) {
      expect(clientCertificate(settings)).toBeTypeOf('function')
      expect(filesOf(settings).read().thumbprint).toBe(thumbprintOf(one))
    }
  })

  it('accepts keys of RSA, of all curves, and of Ed25519', async () => {
    const pairs = await Promise.all([
      selfSigned('rsa', { keyType: 'rsa', keySize: 2048 }),
      ...(['P-256', 'P-384', 'P-521'] as const).map((curve) => selfSigned(curve, { curve })),
    ])
    for (const pair of [...pairs, ed25519]) {
      clientCertificate(pair)
      expect(filesOf(pair).read().thumbprint).toBe(thumbprintOf(pair))
    }
  })

  it('accepts an encrypted key with its passphrase, and reports a missing or wrong one', async () => {
    const encrypted = await selfSigned('encrypted', { passphrase: 'not a real passphrase' })
    expect(encrypted.key).toContain('ENCRYPTED')
    clientCertificate({ ...encrypted, passphrase: 'not a real passphrase' })
    expect(errorOf(() => clientCertificate(encrypted)).message).toBe(
      '`key` contains an encrypted key: give its `passphrase`',
    )
    const wrong = errorOf(() => clientCertificate({ ...encrypted, passphrase: 'a wrong passphrase' }))
    expect(wrong.message).toBe('`key` contains a key that cannot be decrypted: is `passphrase` right?')
    expectNoSecret(wrong, encrypted.key, 'a wrong passphrase, which is no better')
    directory.write(encrypted)
    const files = filesOf({ cert: directory.cert, key: directory.key })
    expect(() => files.read()).toThrow(`${directory.key} contains an encrypted key: give its \`passphrase\``)
  })

  const key = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const export64 = (object: KeyObject, type: 'pkcs8' | 'sec1') =>
    object.export({ format: 'der', type: type as 'pkcs8' }).toString('base64')

  it.each<[string, (pair: Pem) => unknown, RegExp]>([
    ['no settings', () => undefined, /settings of `clientCertificate`/],
    ['no certificate', ({ key }) => ({ key }), /`cert` must be PEM/],
    ['no key', ({ cert }) => ({ cert }), /`key` must be PEM/],
    ['an empty list', (pair) => ({ ...pair, cert: [] }), /`cert` must not be an empty list/],
    ['several keys', (pair) => ({ ...pair, key: [pair.key] }), /`key` must be one key/],
    ['an empty text', (pair) => ({ ...pair, cert: '' }), /`cert` must be a non-empty string/],
    ['a KeyObject', (pair) => ({ ...pair, key: key() }), /`key` must be PEM/],
    ['DER', (pair) => ({ ...pair, key: key().export({ format: 'der', type: 'pkcs8' }) }), /`key` must be PEM/],
    ['an unknown setting', (pair) => ({ ...pair, pfx: 'x' }), /unknown setting of `clientCertificate` `pfx`/],
    ['the key of another one', (pair) => ({ ...pair, key: two.key }), /in `cert` does not belong to the key in `key`/],
    ['the issuer first', (pair) => ({ ...pair, cert: issuer.cert + pair.cert }), /must come first/],
    [
      'a key for a certificate',
      (pair) => ({ ...pair, cert: pair.key }),
      /`cert` does not contain a certificate as PEM/,
    ],
    ['a certificate for a key', (pair) => ({ ...pair, key: pair.cert }), /`key` does not contain a private key as PEM/],
    [
      'half a certificate',
      (p) => ({ ...p, cert: p.cert.slice(0, 300) }),
      /`cert` does not contain complete certificates/,
    ],
    [
      'half a chain',
      (p) => ({ ...p, cert: p.cert + p.cert.slice(0, 300) }),
      /`cert` does not contain complete certificates/,
    ],
    ['a key for an authority', (pair) => ({ ...pair, ca: pair.key }), /`ca` does not contain a certificate as PEM/],
    [
      'a key without its frame, in lines',
      (p) => ({ ...p, key: p.key.split('\n').slice(1, -2).join('\n') }),
      /`key` must/,
    ],
    ['an empty passphrase', (pair) => ({ ...pair, passphrase: '' }), /`passphrase` must be a non-empty string/],
  ])('rejects %s without showing it', (_what, settings, message) => {
    const error = errorOf(() => clientCertificate(settings(one) as ClientCertificateSettings))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(message)
    expectNoSecret(error, one.key, two.key)
  })

  // Text that is not PEM counts as a path, and paths are shown.
  it('does not show a key that it mistakes for the path of a file', async () => {
    const object = key()
    for (const secret of [
      export64(object, 'pkcs8'),
      export64(object, 'sec1'),
      JSON.stringify(object.export({ format: 'jwk' })),
      Buffer.from('a fake seed of thirty-two bytes!').toString('base64'),
      `/${Buffer.from('a fake seed of thirty-one byte!').toString('base64')}`,
    ]) {
      const error = errorOf(() => filesOf({ cert: one.cert, key: secret }).read())
      expect(error).toMatchObject({ code: 'INVALID_CREDENTIALS_SOURCE', message: '`key` cannot be read (ENOENT)' })
      expectNoSecret(error, secret)
    }
    for (const path of ['/run/secrets/tls.key', './tls.key', 'tls/client-key.pem', 'C:\\certificates\\tls.key']) {
      expect(errorOf(() => filesOf({ cert: one.cert, key: path }).read()).message).toContain(path)
    }
  })

  it('returns a function that does not show its settings', () => {
    const certificate = clientCertificate({ ...one, passphrase: 'not a real passphrase' })
    expectNoSecret(certificate, one.key, 'not a real passphrase')
  })
})

describe('the files of a certificate', () => {
  const paths = () => ({ cert: directory.cert, key: directory.key })
  const thumbprint = (files: CertificateFiles) => files.read().thumbprint

  it('are read again when they change, at most once a second', () => {
    directory.write(one)
    const files = filesOf(paths())
    const first = files.read()
    expect(first.isCurrent).toBe(true)
    directory.write(two)
    expect(files.read()).toBe(first)
    expect(first.isCurrent).toBe(true)
    later()
    expect(first.isCurrent).toBe(false)
    expect(thumbprint(files)).toBe(thumbprintOf(two))
    expect(files.read()).toBe(files.read())
  })

  it('may be written again as they are, which changes nothing', () => {
    directory.write(one)
    const files = filesOf(paths())
    const first = files.read()
    directory.write(one)
    later()
    expect(files.readAgain()).toBe(first)
    expect(first.isCurrent).toBe(true)
  })

  it('are always checked for a token request', () => {
    directory.write(one)
    const files = filesOf(paths())
    const first = files.read()
    directory.write(two)
    expect(files.readAgain().thumbprint).toBe(thumbprintOf(two))
    expect(first.isCurrent).toBe(false)
  })

  it('are ignored as long as they do not match, which is reported once', () => {
    const reports: unknown[] = []
    const report = (message: unknown) => void reports.push(message)
    subscribe('mca-auth:certificate:ignored', report)
    directory.write(one)
    const files = filesOf(paths())
    const first = files.read()
    writeFileSync(directory.cert, two.cert)
    for (let i = 0; i < 3; i++) {
      later()
      expect(files.read()).toBe(first)
    }
    expect(reports).toEqual([
      {
        reason: expect.stringContaining(`${directory.cert} does not belong to the key in ${directory.key}`),
        expiresAt: first.expiresAt,
      },
    ])
    writeFileSync(directory.key, two.key)
    later()
    expect(thumbprint(files)).toBe(thumbprintOf(two))
    expect(reports).toHaveLength(1)
    unsubscribe('mca-auth:certificate:ignored', report)
  })

  it.each<[string, () => void, RegExp]>([
    [
      'is cut off',
      () => writeFileSync(directory.cert, two.cert.slice(0, 300)),
      /does not contain complete certificates/,
    ],
    ['is empty', () => writeFileSync(directory.key, ''), /tls\.key does not contain a private key/],
    ['is missing', () => rmSync(directory.cert), /tls\.crt cannot be read \(ENOENT\)/],
    [
      'is a directory',
      () => {
        rmSync(directory.key)
        mkdirSync(directory.key)
      },
      /tls\.key is not a file/,
    ],
    [
      'is far too long',
      () => writeFileSync(directory.cert, 'x'.repeat(5 * 1024 * 1024)),
      /has more than 4194304 bytes/,
    ],
  ])('are ignored while one %s, and fail if there is no older content', (_what, spoil, message) => {
    directory.write(one)
    const files = filesOf(paths())
    const first = files.read()
    spoil()
    later()
    expect(files.read()).toBe(first)
    const error = errorOf(() => filesOf(paths()).read()) as McaAuthError
    expect(error.code).toBe('INVALID_CREDENTIALS_SOURCE')
    expect(error.message).toMatch(message)
    rmSync(directory.key, { recursive: true, force: true })
    directory.write(two)
    later()
    expect(thumbprint(files)).toBe(thumbprintOf(two))
  })

  it('may appear later, disappear and reappear', () => {
    const files = filesOf(paths())
    expect(() => files.read()).toThrow('tls.crt cannot be read (ENOENT)')
    directory.write(one)
    later()
    expect(thumbprint(files)).toBe(thumbprintOf(one))
    renameSync(directory.cert, `${directory.cert}.away`)
    later()
    expect(thumbprint(files)).toBe(thumbprintOf(one))
    renameSync(`${directory.cert}.away`, directory.cert)
    later()
    expect(thumbprint(files)).toBe(thumbprintOf(one))
  })

  // Like a secret that Kubernetes mounts: the files are links into `..data`, a link that is swapped.
  it('may be swapped by a symbolic link above them', () => {
    const mount = (version: string, pair: Pem) => {
      const folder = join(directory.path, version)
      mkdirSync(folder)
      writeFileSync(join(folder, 'tls.crt'), pair.cert)
      writeFileSync(join(folder, 'tls.key'), pair.key)
      symlinkSync(version, join(directory.path, '..data_tmp'))
      renameSync(join(directory.path, '..data_tmp'), join(directory.path, '..data'))
    }
    mount('..2026_1', one)
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(directory.path, name))
    const files = filesOf(paths())
    expect(thumbprint(files)).toBe(thumbprintOf(one))
    mount('..2026_2', two)
    rmSync(join(directory.path, '..2026_1'), { recursive: true })
    later()
    expect(thumbprint(files)).toBe(thumbprintOf(two))
  })

  it('may be used for some of the parts only', () => {
    const ca = directory.file('ca.crt', issuer.cert)
    const files = filesOf({ ...one, ca })
    const first = files.read()
    writeFileSync(ca, two.cert)
    later()
    const second = files.read()
    expect(second).not.toBe(first)
    expect(second.thumbprint).toBe(first.thumbprint)
    expect(first.isCurrent).toBe(false)
  })

  it('fail with a clear error once the certificate has expired, which also names the fault of a newer one', async () => {
    const hour = 3600_000
    const short = await issuer.issue('orders', {
      notBeforeDate: new Date(Date.now() - hour),
      notAfterDate: new Date(Date.now() + hour),
    })
    directory.write(short)
    const files = filesOf(paths())
    const first = files.read()
    expect(first.expiresAt).toBeCloseTo(Date.now() + hour, -4)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * hour })
    expect(first.isCurrent).toBe(false)
    const at = new Date(first.expiresAt).toISOString()
    expect(() => files.read()).toThrow(`the client certificate from ${directory.cert} expired at ${at}`)
    writeFileSync(directory.cert, two.cert)
    later()
    const error = errorOf(() => files.read())
    expect(error).toMatchObject({ code: 'INVALID_CREDENTIALS_SOURCE' })
    expect(error.message).toMatch(/expired at .*, and its replacement cannot be used: .* does not belong to the key/)
    writeFileSync(directory.key, two.key)
    later()
    expect(thumbprint(files)).toBe(thumbprintOf(two))
  })
})

describe('the agent of a certificate', () => {
  // axios copies the options of an agent to get one without a proxy, but keeps how it connects.
  it('is another one for connections without the proxy of the environment', () => {
    const options = https.globalAgent.options as { proxyEnv?: object }
    const before = options.proxyEnv
    const plain = filesOf(one).read()
    if (before === undefined) expect(plain.directAgent).toBe(plain.agent)
    options.proxyEnv = { HTTPS_PROXY: 'http://127.0.0.1:2' }
    try {
      const { agent, directAgent } = filesOf(one).read()
      expect(agent?.options).toMatchObject({ proxyEnv: options.proxyEnv })
      expect(directAgent?.options).not.toHaveProperty('proxyEnv')
      expectNoSecret(directAgent, one.key)
    } finally {
      options.proxyEnv = before as object
      if (before === undefined) delete options.proxyEnv
    }
  })

  it('has the settings of the agent for all requests, without showing the certificate in its options', () => {
    const certificate = filesOf(one).read()
    const agent = certificate.agent as https.Agent
    expect(agent.options).toMatchObject({ ...https.globalAgent.options })
    expectNoSecret(agent, one.key)
  })

  it('is not offered if a custom agent for all requests has been set', () => {
    const before = https.globalAgent
    const certificate = filesOf(one).read()
    try {
      https.globalAgent = new (class Tunnel extends https.Agent {})()
      expect(certificate.agent).toBeUndefined()
    } finally {
      https.globalAgent = before
    }
    expect(certificate.agent).toBeInstanceOf(https.Agent)
  })
})
