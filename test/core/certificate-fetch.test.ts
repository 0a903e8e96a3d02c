// The fetch that sends token requests with a client certificate behaves like the global one, as far as token requests rely
// on it.
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createRawServer } from 'node:net'
import { clientCertificate, createTokenProvider, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CertificateFiles } from '../../packages/core/src/credentials/certificate/certificate-files.ts'
import { type Authority, authority, type Pem, selfSigned } from '../servers/certificates.ts'

let issuer: Authority
let server: Pem
let client: Pem
let stranger: Pem
const open: Server[] = []
const verifies = process.env.NODE_TLS_REJECT_UNAUTHORIZED

beforeAll(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '1'
  issuer = await authority()
  ;[server, client, stranger] = await Promise.all([
    issuer.issue('server'),
    issuer.issue('orders'),
    selfSigned('stranger'),
  ])
})
afterAll(() => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = verifies
})
afterEach(() => {
  for (const each of open.splice(0)) {
    each.closeAllConnections()
    each.close()
  }
})

async function start(answer: RequestListener, options: ServerOptions = {}): Promise<string> {
  const started = createServer({ ...server, ca: issuer.cert, requestCert: true, ...options }, answer)
  started.on('tlsClientError', () => {})
  open.push(started.listen(0, '127.0.0.1'))
  await once(started, 'listening')
  return `https://127.0.0.1:${(started.address() as AddressInfo).port}`
}

const fetchWith = ({ cert, key }: Pem = client, ca: string | undefined = issuer.cert) =>
  new CertificateFiles({ cert: [cert], key: [key], ca: ca === '' ? undefined : [ca], passphrase: undefined }).read()
    .fetch

/** Codes of an error and its causes. */
function codesOf(error: unknown): unknown[] {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown }
  return [code, ...(cause === undefined ? [] : codesOf(cause))].filter((each) => each !== undefined)
}

async function failureOf(work: Promise<unknown>): Promise<Error & { cause?: unknown }> {
  return work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error) => error,
  )
}

describe('the fetch of a client certificate', () => {
  it('sends method, headers and body, and returns status, headers and body', async () => {
    const seen: unknown[] = []
    const origin = await start((request, response) => {
      request.setEncoding('utf8').on('data', (body) => seen.push(request.method, request.url, request.headers, body))
      request.on('end', () => {
        response.setHeader('set-cookie', ['a=1', 'b=2'])
        response.writeHead(201, { 'www-authenticate': 'Basic' }).end('{"access_token":"fake"}')
      })
    })
    const init = { method: 'POST', headers: { 'content-type': 'text/plain', 'x-own': 'ü' }, body: 'grant=ü' }
    const response = await fetchWith()(`${origin}/token?a=b`, init)
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([201, 'Basic'])
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await response.json()).toEqual({ access_token: 'fake' })
    expect(seen).toEqual([
      ...['POST', '/token?a=b'],
      expect.objectContaining({ 'content-type': 'text/plain', 'content-length': '8', 'accept-encoding': 'identity' }),
      'grant=ü',
    ])
  })

  it.each([204, 205, 304])('returns a response %i without a body', async (status) => {
    const origin = await start((_request, response) => response.writeHead(status).end())
    const response = await fetchWith()(origin)
    expect([response.status, response.body]).toEqual([status, null])
  })

  it('does not follow redirects', async () => {
    const origin = await start((_request, response) => response.writeHead(307, { location: '/elsewhere' }).end())
    const response = await fetchWith()(origin, { method: 'POST', body: 'a', redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([307, '/elsewhere'])
  })

  it('reuses a connection', async () => {
    const ports = new Set<unknown>()
    const origin = await start((request, response) => {
      ports.add(request.socket.remotePort)
      response.end('a')
    })
    const fetch = fetchWith()
    for (let i = 0; i < 3; i++) await (await fetch(origin)).text()
    expect(ports.size).toBe(1)
  })

  it('closes the connection if the body is not read to its end', async () => {
    let closed = false
    const origin = await start((request, response) => {
      request.socket.on('close', () => {
        closed = true
      })
      response.write('x'.repeat(100_000))
    })
    const response = await fetchWith()(origin)
    for await (const _chunk of response.body as unknown as AsyncIterable<Uint8Array>) break
    await expect.poll(() => closed).toBe(true)
  })

  it('ends with the reason of its signal, before, during and after the headers', async () => {
    const origin = await start((request, response) => {
      if (request.url === '/body') response.write('{')
    })
    const reason = new Error('enough')
    const fetch = fetchWith()
    await expect(fetch(origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const pending = fetch(origin, { signal: controller.signal })
    const listening = open[0] as Server
    await once(listening, 'request')
    controller.abort(reason)
    await expect(pending).rejects.toBe(reason)
    const second = new AbortController()
    const response = await fetch(`${origin}/body`, { signal: second.signal })
    second.abort(reason)
    await expect(response.text()).rejects.toThrow()
  })

  it.each<[string, () => Promise<string>, () => typeof fetch, RegExp]>([
    ['no server listens', async () => 'https://127.0.0.1:2', () => fetchWith(), /ECONNREFUSED/],
    ['the name is unknown', async () => 'https://nowhere.invalid', () => fetchWith(), /ENOTFOUND|EAI_AGAIN/],
    [
      'the connection is reset before the response',
      () => start((request) => request.socket.destroy()),
      () => fetchWith(),
      /ECONNRESET/,
    ],
    ['the server is not trusted', () => start(() => {}), () => fetchWith(client, ''), /UNABLE_TO_|SELF_SIGNED/],
    [
      'the server is another one',
      async () => {
        const [other] = await Promise.all([issuer.issue('other', { extensions: [] })])
        return start(() => {}, other)
      },
      () => fetchWith(),
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    ],
    [
      'what answers is not HTTP',
      async () => {
        const raw = createRawServer((socket) => socket.end('SSH-2.0-fake\r\n'))
        raw.listen(0, '127.0.0.1')
        open.push(raw as unknown as Server)
        Object.assign(raw, { closeAllConnections: () => {} })
        await once(raw, 'listening')
        return `https://127.0.0.1:${(raw.address() as AddressInfo).port}`
      },
      () => fetchWith(),
      /WRONG_VERSION_NUMBER|ERR_SSL|EPROTO/,
    ],
  ])(
    'fails as the global fetch does if %s: a TypeError whose cause has the code',
    async (_what, origin, fetch, code) => {
      const error = await failureOf(fetch()(await origin()))
      expect([error.name, error.message]).toEqual(['TypeError', 'fetch failed'])
      expect(codesOf(error).join()).toMatch(code)
    },
  )
})

describe('a token request with a client certificate', () => {
  const token = (more = {}) => JSON.stringify({ access_token: 'fake-token', expires_in: 60, ...more })
  const options = (origin: string, pair = client): McaAuthOptions => ({
    ...{ tokenEndpoint: `${origin}/token`, clientId: 'orders' },
    clientAuth: clientCertificate({ ...pair, ca: issuer.cert }),
  })
  const outcomeOf = async (given: McaAuthOptions) => {
    await using provider = createTokenProvider(given)
    return await provider.getToken().catch((error: McaAuthError) => error)
  }

  it('is retried after a network failure, like any other', async () => {
    let count = 0
    const origin = await start((request, response) => {
      if (++count < 3) request.socket.destroy()
      else response.end(token())
    })
    expect(await outcomeOf(options(origin))).toMatchObject({ accessToken: 'fake-token' })
    expect(count).toBe(3)
  })

  it.each<[string, RequestListener]>([
    ['never responds', () => {}],
    ['never ends its response', (_request, response) => response.write('{')],
  ])('ends after `timeoutMs` if the server %s', async (_what, answer) => {
    const outcome = await outcomeOf({ ...options(await start(answer)), timeoutMs: 100 })
    expect(outcome).toMatchObject({ code: 'TOKEN_REQUEST_FAILED', message: 'no token response within 100 ms' })
  })

  it('ends at once when the provider is closed, and its connection too', async () => {
    let closed = false
    const origin = await start((request) => {
      request.socket.on('close', () => {
        closed = true
      })
    })
    const provider = createTokenProvider(options(origin))
    const pending = provider.getToken()
    pending.catch(() => {})
    await once(open[0] as Server, 'request')
    provider.close()
    await expect(pending).rejects.toThrow('the token provider is closed')
    await expect.poll(() => closed).toBe(true)
  })

  it('has the same limit for the size of a response', async () => {
    const origin = await start((_request, response) => response.end(token({ more: 'x'.repeat(70_000) })))
    const outcome = await outcomeOf(options(origin))
    expect(outcome).toMatchObject({ code: 'TOKEN_RESPONSE_INVALID', message: /more than 65536 bytes/ })
  })

  it('fails if the server rejects the certificate, or requires one and gets none', async () => {
    const answer: RequestListener = (_request, response) => response.end(token())
    const strict = { rejectUnauthorized: true }
    const elsewhere = await start(answer, { ...strict, ca: (await authority()).cert })
    const origin = await start(answer, strict)
    for (const given of [
      options(elsewhere),
      options(origin, stranger),
      { tokenEndpoint: `${origin}/token`, clientId: 'orders', clientAuth: 'none' } as const,
    ]) {
      expect(await outcomeOf({ ...given, timeoutMs: 2_000 })).toMatchObject({ code: 'TOKEN_REQUEST_FAILED' })
    }
    expect(await outcomeOf(options(origin))).toMatchObject({ accessToken: 'fake-token' })
  })

  // OpenSSL's alerts; a server of Node.js closes the connection without one.
  it.each([
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', ': the server requires a client certificate (`clientAuth: client'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', ': the server rejected the client certificate (ERR_SSL_TLSV1_ALERT_UNKNOWN_CA)'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', ': the server rejected the client certificate (ERR_SSL_SSLV3_ALERT_'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', undefined],
    ['CERT_HAS_EXPIRED', undefined],
  ])('explains a TLS alert: %s', async (code, hint) => {
    const cause = Object.assign(new Error('fake'), { code })
    // An error may be its own cause.
    Object.assign(cause, { errors: [cause] })
    const fetch = () => Promise.reject(new TypeError('fetch failed', { cause }))
    const given = { tokenEndpoint: 'https://idp.example.com/token', clientId: 'orders', clientAuth: 'none' } as const
    const { message } = (await outcomeOf({ ...given, fetch })) as Error
    expect(message).toContain('the token request to https://idp.example.com failed')
    if (hint === undefined) expect(message).toMatch(/failed$/)
    else expect(message).toContain(hint)
  })
})
