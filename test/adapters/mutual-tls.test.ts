// Tokens that are bound to a client certificate (RFC 8705), on every client: which connections get the certificate, and which
// do not.
import { once } from 'node:events'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { clientCertificate, createTokenProvider, forwardIncoming, type McaAuthOptions } from '@mca-auth/core'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { McaAuthenticator } from '@mca-auth/ibm-cloud-sdk'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ProtectedResourceOptions,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import type { AxiosRequestConfig } from 'axios'
import { BaseService } from 'ibm-cloud-sdk-core'
import type { Dispatcher } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Authority, authority, CertificateDirectory, type Pem, thumbprintOf } from '../servers/certificates.ts'
import { everyClient } from '../size.ts'
import { axioses, gots, undicis } from './versions.ts'

let issuer: Authority
let tls: Pem
let one: Pem
let two: Pem
let directory: CertificateDirectory
let server: AuthorizationServer
let certificate: ReturnType<typeof clientCertificate>
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
beforeEach(async () => {
  directory = new CertificateDirectory()
  directory.write(one)
  certificate = clientCertificate({ cert: directory.cert, key: directory.key, ca: issuer.cert })
  server = await startAuthorizationServer({ tls: { ...tls, ca: issuer.cert } })
  open.push(server)
})
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
  directory[Symbol.dispose]()
})

async function startResource(options: Partial<ProtectedResourceOptions> = {}): Promise<ProtectedResource> {
  const resource = await startProtectedResource({ authorizationServer: server, tls, ...options })
  open.push(resource)
  return resource
}

function optionsOf(more: McaAuthOptions = {}): McaAuthOptions {
  const { clientId, oauthServerUrl } = server.appId
  return { clientId, oauthServerUrl, clientAuth: certificate, ...more }
}

function providerOf(more: McaAuthOptions = {}) {
  const provider = createTokenProvider(optionsOf(more))
  open.push(provider)
  return provider
}

/** The certificates of the requests. */
const thumbprints = ({ received }: ProtectedResource) => received.map((request) => request.certificateThumbprint)

interface Outcome {
  readonly status: number
  /** The result for the client's user. */
  readonly raw: unknown
}
type Send = (url: string, init?: { method?: string; body?: string }) => Promise<Outcome>

/** One way to make requests, and whether the adapter makes its connections. */
interface MutualTlsClient {
  readonly name: string
  start(options: McaAuthOptions): Send
  readonly followsRedirects: boolean
  /** The user's dispatcher connects, so it presents the certificate to every server. */
  readonly connectsByItself?: boolean
}

// `npm run test:matrix` runs every version.
const only = <T>(versions: Record<string, T>, version: string): Record<string, T> =>
  everyClient || versions[version] === undefined ? versions : { [version]: versions[version] }
const [allAxios, allGot, allUndici] = [await axioses(), await gots(), await undicis()]
const clients: MutualTlsClient[] = []

for (const axios of Object.values(only(allAxios, 'newest'))) {
  clients.push({
    name: `axios ${axios.VERSION}`,
    followsRedirects: true,
    start: (options) => {
      const instance = axios.create({ adapter: 'http', validateStatus: () => true, proxy: false })
      instance.interceptors.request.use(axiosAuth(options) as never)
      return async (url, { method = 'GET', body } = {}) => {
        const response = await instance.request({ url, method, ...(body !== undefined && { data: body }) })
        return { status: response.status, raw: response }
      }
    },
  })
}

for (const [major, got] of Object.entries(only(allGot, '16'))) {
  for (const http2 of [false, true]) {
    clients.push({
      name: `got ${major}${http2 ? ' that may use HTTP/2' : ''}`,
      followsRedirects: true,
      start: (options) => {
        // got ignores the variable.
        const https = { rejectUnauthorized: process.env.NODE_TLS_REJECT_UNAUTHORIZED === '1' }
        const api = got.extend(gotAuth(options), { throwHttpErrors: false, retry: { limit: 0 }, http2, https })
        return async (url, { method = 'GET', body } = {}) => {
          const response = await api(url, { method: method as 'GET', ...(body !== undefined && { body }) })
          return { status: response.statusCode, raw: response }
        }
      },
    })
  }
}

for (const [major, undici] of Object.entries(only(allUndici, '7'))) {
  const agentFor = () => {
    const agent = new undici.Agent({ connect: certificate.connect })
    open.push({ [Symbol.asyncDispose]: () => agent.destroy() })
    return agent
  }
  clients.push({
    name: `undici ${major}`,
    followsRedirects: false,
    connectsByItself: true,
    start: (options) => {
      const dispatcher = agentFor().compose(undiciAuth(options) as Parameters<Dispatcher['compose']>[0])
      return async (url, { method = 'GET', body } = {}) => {
        const response = await undici.request(url, { dispatcher, method: method as 'GET', body: body ?? null })
        await response.body.dump()
        return { status: response.statusCode, raw: response }
      }
    },
  })
  clients.push({
    name: `fetch of undici ${major}`,
    followsRedirects: true,
    connectsByItself: true,
    start: (options) => {
      const dispatcher = agentFor()
      const send: typeof fetch = (url, init) => undici.fetch(url as never, { ...init, dispatcher } as never) as never
      const authorized = fetchAuth(options, { fetch: send })
      return async (url, init) => {
        const response = await authorized(url, init)
        await response.text()
        return { status: response.status, raw: response }
      }
    },
  })
}

class OrdersService extends BaseService {
  list(serviceUrl: string, method: string) {
    return this.createRequest({ options: { url: '/orders', method }, defaultOptions: { serviceUrl } })
  }
}
clients.push({
  name: "IBM's SDK",
  followsRedirects: false,
  start: (options) => {
    const service = new OrdersService({
      authenticator: new McaAuthenticator(options) as never,
      serviceUrl: 'https://x',
    })
    return async (url, { method = 'GET' } = {}) => {
      const raw = await service.list(new URL(url).origin, method).catch((error) => error)
      return { status: raw.status, raw }
    }
  },
})

describe.each(clients)('$name', ({ start, followsRedirects, connectsByItself }) => {
  it('sends a bound token over a connection with its certificate, and trusts the authorities of the certificate', async () => {
    const resource = await startResource()
    const send = start(optionsOf({ origins: resource.origin }))
    for (const init of [{}, { method: 'POST', body: 'text' }]) {
      expect((await send(`${resource.origin}/orders`, init)).status).toBe(200)
    }
    expect(thumbprints(resource)).toEqual([thumbprintOf(one), thumbprintOf(one)])
    expect(server.tokenRequests).toBe(1)
  })

  it('shows neither the key nor the token in the result', async () => {
    const resource = await startResource()
    const { raw } = await start(optionsOf({ origins: resource.origin }))(`${resource.origin}/orders`)
    const shown = inspect(raw, { depth: 12, showHidden: true, maxStringLength: null })
    const body = one.key.replaceAll(/-----[^-]+-----|\s/g, '')
    expect(shown).not.toContain(body.slice(10, 60))
    expect(shown).not.toContain('-----BEGIN PRIVATE KEY')
  })

  it('uses a new token over a new connection once the certificate is replaced', async () => {
    const resource = await startResource()
    const send = start(optionsOf({ origins: resource.origin }))
    await send(`${resource.origin}/orders`)
    directory.write(two)
    await expect
      .poll(async () => {
        expect((await send(`${resource.origin}/orders`)).status).toBe(200)
        return thumbprints(resource).at(-1)
      })
      .toBe(thumbprintOf(two))
    expect(new Set(thumbprints(resource))).toEqual(new Set([thumbprintOf(one), thumbprintOf(two)]))
    expect([...resource.answers.keys()]).toEqual([200])
    expect(server.tokenRequests).toBe(2)
  })

  it.skipIf(connectsByItself)('resends after a rejection, over the same certificate', async () => {
    const resource = await startResource()
    const send = start(optionsOf({ origins: resource.origin }))
    await send(`${resource.origin}/orders`)
    server.revokeAll()
    expect((await send(`${resource.origin}/orders`)).status).toBe(200)
    expect(thumbprints(resource)).toEqual(Array(3).fill(thumbprintOf(one)))
  })

  it.skipIf(connectsByItself)('sends nothing of it to an origin that is not listed', async () => {
    const resource = await startResource()
    const send = start(optionsOf({ origins: 'https://orders.example.com' }))
    // Its server is not trusted there either.
    await send(`${resource.origin}/orders`).catch(() => {})
    expect(thumbprints(resource).filter(Boolean)).toEqual([])
    expect(server.tokenRequests).toBe(0)
  })

  it.skipIf(connectsByItself || !followsRedirects)(
    'leaves the certificate behind where a redirect leaves the origin, and keeps it within',
    async () => {
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
      try {
        const away = await startResource({ intercept: () => ({ body: 'away' }) })
        const home: ProtectedResource = await startResource({
          intercept: ({ path }) => {
            if (path === '/within') return { status: 302, headers: { location: '/end' } }
            return path === '/away' ? { status: 302, headers: { location: `${away.origin}/` } } : undefined
          },
        })
        const send = start(optionsOf({ origins: home.origin }))
        expect((await send(`${home.origin}/within`)).status).toBe(200)
        expect((await send(`${home.origin}/away`)).status).toBe(200)
        expect(thumbprints(home)).toEqual(Array(3).fill(thumbprintOf(one)))
        expect(thumbprints(away)).toEqual([undefined])
        expect(away.received[0]?.headers.authorization).toBeUndefined()
        // An origin that was left stays left, even if a redirect leads back.
        away.received.length = 0
      } finally {
        process.env.NODE_TLS_REJECT_UNAUTHORIZED = '1'
      }
    },
  )

  it.skipIf(connectsByItself)(
    'forwards the token of an incoming request over a connection with the certificate',
    async () => {
      const resource = await startResource()
      const incoming = await providerOf().getToken()
      const send = start(optionsOf({ origins: resource.origin, incoming: 'forward' }))
      const request = { headers: { authorization: `Bearer ${incoming.accessToken}` } }
      for (let i = 0; i < 2; i++) {
        const { status } = await forwardIncoming(request, () => send(`${resource.origin}/orders`))
        expect(status).toBe(200)
      }
      expect(thumbprints(resource)).toEqual(Array(2).fill(thumbprintOf(one)))
      expect(server.tokenRequests).toBe(1)
    },
  )

  it('also binds a token to a key', async () => {
    const resource = await startResource()
    const send = start(optionsOf({ origins: resource.origin, dpop: true }))
    expect((await send(`${resource.origin}/orders`)).status).toBe(200)
    expect(resource.received[0]?.headers.authorization).toMatch(/^DPoP /)
    expect(thumbprints(resource)).toEqual([thumbprintOf(one)])
  })

  it('has a token that is useless over another connection', async () => {
    const resource = await startResource()
    const { accessToken } = await providerOf().getToken()
    // Without the agent of the process, whose pool would show in the responses of other tests.
    const options = { agent: false, headers: { authorization: `Bearer ${accessToken}` }, ...two, ca: issuer.cert }
    const request = https.get(`${resource.origin}/`, options)
    const [response] = await once(request, 'response')
    response.resume()
    expect(response.statusCode).toBe(401)
  })
})

describe("the caller's own choice", () => {
  const ownAgent = () => {
    const agent = new https.Agent({ ...two, ca: issuer.cert, keepAlive: true })
    open.push({ [Symbol.asyncDispose]: async () => agent.destroy() })
    return agent
  }

  for (const axios of Object.values(allAxios)) {
    describe(`axios ${axios.VERSION}`, () => {
      const instanceOf = (defaults: AxiosRequestConfig, resource: ProtectedResource) => {
        const instance = axios.create({ adapter: 'http', validateStatus: () => true, proxy: false, ...defaults })
        instance.interceptors.request.use(axiosAuth(optionsOf({ origins: resource.origin })) as never)
        return instance
      }

      it('keeps an agent of the instance or of the request', async () => {
        const resource = await startResource()
        const agent = ownAgent()
        await instanceOf({ httpsAgent: agent }, resource).get(`${resource.origin}/a`)
        await instanceOf({}, resource).get(`${resource.origin}/b`, { httpsAgent: agent })
        expect(thumbprints(resource)).toEqual([
          thumbprintOf(two),
          thumbprintOf(two),
          thumbprintOf(two),
          thumbprintOf(two),
        ])
      })

      it('keeps using the proxy, which gets no certificate', async () => {
        const seen: string[] = []
        const proxy = https.createServer(tls, (request, response) => {
          seen.push(request.url ?? '')
          response.end('proxied')
        })
        proxy.on('connect', (request, socket) => {
          seen.push(`CONNECT ${request.url}`)
          socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
        })
        proxy.listen(0, '127.0.0.1')
        await once(proxy, 'listening')
        open.push({
          [Symbol.asyncDispose]: async () => {
            proxy.closeAllConnections()
            proxy.close()
          },
        })
        const resource = await startResource()
        const { port } = proxy.address() as AddressInfo
        const agents: unknown[] = []
        const instance = instanceOf({ proxy: { host: '127.0.0.1', port, protocol: 'https' } }, resource)
        instance.interceptors.request.use((config) => {
          const { adapter } = config
          config.adapter = (sent) => {
            agents.push(sent.httpsAgent)
            return (adapter as (given: unknown) => Promise<never>)(sent)
          }
          return config
        })
        await instance.get(`${resource.origin}/a`).catch(() => {})
        expect(resource.received).toEqual([])
        expect(agents.every((agent) => agent === undefined)).toBe(true)
      })

      it('does not change its config', async () => {
        const resource = await startResource()
        const response = await instanceOf({}, resource).get(`${resource.origin}/a`)
        expect(response.config.httpsAgent).toBeUndefined()
      })
    })
  }

  for (const [major, got] of Object.entries(allGot)) {
    it(`got ${major}: keeps an agent, and a certificate, and trusts the authorities that the caller names`, async () => {
      const resource = await startResource()
      const api = got.extend(gotAuth(optionsOf({ origins: resource.origin })), {
        ...{ throwHttpErrors: false, retry: { limit: 0 } },
      })
      await api(`${resource.origin}/a`, { agent: { https: ownAgent() } })
      await api(`${resource.origin}/b`, {
        https: { certificate: two.cert, key: two.key, certificateAuthority: issuer.cert },
      })
      expect(new Set(thumbprints(resource))).toEqual(new Set([thumbprintOf(two)]))
      const other = await authority('Another fake authority')
      await expect(api(`${resource.origin}/c`, { https: { certificateAuthority: other.cert } })).rejects.toThrow()
      const { statusCode } = await api(`${resource.origin}/d`, { https: { certificateAuthority: issuer.cert } })
      expect(statusCode).toBe(200)
      expect(thumbprints(resource).at(-1)).toBe(thumbprintOf(one))
    })
  }

  it('may be an agent for all requests of the process, which is used unchanged', async () => {
    const { newest: axios } = allAxios
    const resource = await startResource()
    const before = https.globalAgent
    https.globalAgent = new (class Corporate extends https.Agent {})({ ...two, ca: issuer.cert })
    try {
      const instance = axios?.create({ adapter: 'http', validateStatus: () => true, proxy: false })
      instance?.interceptors.request.use(axiosAuth(optionsOf({ origins: resource.origin })))
      await instance?.get(`${resource.origin}/a`)
      expect(new Set(thumbprints(resource))).toEqual(new Set([thumbprintOf(two)]))
    } finally {
      https.globalAgent = before
    }
  })
})

describe('connections', () => {
  const agents = () => [...new Set(seenAgents)]
  const seenAgents = new Set<https.Agent>()

  it('are kept for each certificate, and closed when it is replaced', async () => {
    const { newest: axios } = allAxios
    const resource = await startResource()
    const ports = new Set<number | undefined>()
    const instance = axios?.create({ adapter: 'http', proxy: false })
    instance?.interceptors.request.use(axiosAuth(optionsOf({ origins: resource.origin })))
    const send = async () => {
      const response = await instance?.get(`${resource.origin}/a`)
      const { socket, agent } = (response as { request: { socket: { localPort?: number }; agent: https.Agent } })
        .request
      ports.add(socket.localPort)
      seenAgents.add(agent)
    }
    for (let i = 0; i < 3; i++) await send()
    expect(ports.size).toBe(1)
    for (const pair of [two, one, two]) {
      const { length } = agents()
      directory.write(pair)
      await expect.poll(async () => send().then(() => agents().length)).toBe(length + 1)
    }
    const [latest, ...older] = agents().reverse()
    expect(older).toHaveLength(3)
    for (const agent of older) {
      expect(Object.values(agent.freeSockets).flat()).toEqual([])
      expect(Object.values(agent.sockets).flat()).toEqual([])
    }
    expect(Object.values(latest?.freeSockets ?? {}).flat()).not.toEqual([])
  })

  it('are not kept if they were in use when the certificate was replaced', async () => {
    const { 14: got } = allGot
    const resource = await startResource({
      intercept: ({ path }) => (path === '/slow' ? { trickleMs: 5, body: 'x'.repeat(60) } : undefined),
    })
    const api = got?.extend(gotAuth(optionsOf({ origins: resource.origin })))
    const slow = api?.(`${resource.origin}/slow`)
    await expect.poll(() => resource.received.length).toBe(1)
    directory.write(two)
    await expect
      .poll(async () => {
        await api?.(`${resource.origin}/a`)
        return thumbprints(resource).at(-1)
      })
      .toBe(thumbprintOf(two))
    // The pending response has been completed.
    expect((await slow)?.body).toBe('x'.repeat(60))
  })
})

describe('files that rotate under load', () => {
  it.each(clients.filter(({ name }) => name === 'got 16' || name === `axios ${allAxios.newest?.VERSION}`))(
    '$name: no request fails',
    async ({ start }) => {
      const resource = await startResource()
      const send = start(optionsOf({ origins: resource.origin }))
      let isOver = false
      const statuses = new Set<number>()
      const caller = async () => {
        while (!isOver) statuses.add((await send(`${resource.origin}/orders`)).status)
      }
      const callers = Array.from({ length: 8 }, caller)
      await expect.poll(() => thumbprints(resource).at(-1)).toBe(thumbprintOf(one))
      for (const pair of [two, one, two]) {
        directory.write(pair)
        await expect.poll(() => thumbprints(resource).at(-1)).toBe(thumbprintOf(pair))
      }
      isOver = true
      await Promise.all(callers)
      expect([...statuses]).toEqual([200])
      expect(server.tokenRequests).toBe(4)
    },
  )
})

describe('undici, whose connections are made by its user', () => {
  for (const [major, undici] of Object.entries(only(allUndici, '7'))) {
    const start = (options: { connections?: number; pipelining?: number }, resource: ProtectedResource) => {
      const agent = new undici.Agent({ connect: certificate.connect, ...options })
      open.push({ [Symbol.asyncDispose]: () => agent.destroy() })
      const auth = undiciAuth(optionsOf({ origins: resource.origin })) as Parameters<Dispatcher['compose']>[0]
      const dispatcher = agent.compose(auth)
      return async (path = '/a') => {
        const { statusCode, body } = await undici.request(resource.origin + path, { dispatcher })
        return { statusCode, text: await body.text() }
      }
    }

    // A connection that is always in use would keep its first certificate forever.
    it.each([1, 4])(
      `${major}: under load, %i connections are replaced by new ones with the new certificate`,
      async (connections) => {
        const resource = await startResource()
        const send = start({ connections }, resource)
        let isOver = false
        const statuses = new Set<number>()
        const caller = async () => {
          while (!isOver) statuses.add((await send()).statusCode)
        }
        const callers = Array.from({ length: 8 }, caller)
        await expect.poll(() => thumbprints(resource).at(-1)).toBe(thumbprintOf(one))
        directory.write(two)
        await expect.poll(() => new Set(thumbprints(resource).slice(-20))).toEqual(new Set([thumbprintOf(two)]))
        isOver = true
        await Promise.all(callers)
        // Requests that waited for the old connection with the old token are resent with the new one.
        expect([...statuses]).toEqual([200])
      },
    )

    it(`${major}: a pending response is completed over the old certificate`, async () => {
      let finish = () => {}
      const slow = new Promise<void>((resolve) => {
        finish = resolve
      })
      const resource = await startResource({
        intercept: ({ path }) => (path === '/slow' ? { trickleMs: 20, body: 'x'.repeat(100) } : undefined),
      })
      const send = start({}, resource)
      const pending = send('/slow').finally(finish)
      await expect.poll(() => resource.received.length).toBe(1)
      directory.write(two)
      await expect.poll(() => send().then(() => thumbprints(resource).at(-1))).toBe(thumbprintOf(two))
      await slow
      expect(await pending).toEqual({ statusCode: 200, text: 'x'.repeat(100) })
      expect(thumbprints(resource)[0]).toBe(thumbprintOf(one))
    })

    it(`${major}: reports files that cannot be read, and a server that does not exist`, async () => {
      const missing = clientCertificate({ cert: `${directory.path}/none.crt`, key: directory.key })
      const agents = [missing, certificate].map(({ connect }) => new undici.Agent({ connect }))
      for (const agent of agents) open.push({ [Symbol.asyncDispose]: () => agent.destroy() })
      const [unreadable, readable] = agents as Dispatcher[] as [Dispatcher, Dispatcher]
      await expect(undici.request('https://127.0.0.1:2/', { dispatcher: unreadable })).rejects.toMatchObject({
        code: 'INVALID_CREDENTIALS_SOURCE',
      })
      await expect(undici.request('https://127.0.0.1:2/', { dispatcher: readable })).rejects.toMatchObject({
        code: 'ECONNREFUSED',
      })
    })

    it(`${major}: connects by name, and also to servers without TLS`, async () => {
      const resource = await startResource({ intercept: () => ({ body: 'fine' }) })
      const plain = await startProtectedResource({ authorizationServer: server, intercept: () => ({ body: 'plain' }) })
      open.push(plain)
      const agent = new undici.Agent({ connect: certificate.connect })
      open.push({ [Symbol.asyncDispose]: () => agent.destroy() })
      for (const url of [resource.origin.replace('127.0.0.1', 'localhost'), plain.origin]) {
        const { statusCode, body } = await undici.request(url, { dispatcher: agent })
        await body.dump()
        expect(statusCode).toBe(200)
      }
      expect(thumbprints(resource)).toEqual([thumbprintOf(one)])
    })
  }
})
