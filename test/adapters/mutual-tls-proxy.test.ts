// Client certificates in axios if some requests use a proxy: the certificate is not sent to the proxy or another origin.
import { once } from 'node:events'
import https, { type AgentOptions } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { clientCertificate, type McaAuthOptions } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ProtectedResourceOptions,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { certifyHop, type HopOptions } from '../../packages/axios/src/certificate.ts'
import { type Authority, authority, type Pem, thumbprintOf } from '../servers/certificates.ts'
import { axioses } from './versions.ts'

let issuer: Authority
let tls: Pem
let one: Pem
let server: AuthorizationServer
const open: AsyncDisposable[] = []
const globalAgent = https.globalAgent

beforeAll(async () => {
  issuer = await authority()
  ;[tls, one] = await Promise.all([issuer.issue('server'), issuer.issue('orders')])
})
beforeEach(async () => {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY']) {
    vi.stubEnv(name, undefined)
    vi.stubEnv(name.toLowerCase(), undefined)
  }
  server = await startAuthorizationServer({ tls: { ...tls, ca: issuer.cert } })
  open.push(server)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  https.globalAgent = globalAgent
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function startResource(options: Partial<ProtectedResourceOptions> = {}): Promise<ProtectedResource> {
  const resource = await startProtectedResource({ authorizationServer: server, tls, ...options })
  open.push(resource)
  return resource
}

const redirecting = (locations: Record<string, string>): Partial<ProtectedResourceOptions> => ({
  intercept: ({ path }) =>
    locations[path] === undefined ? undefined : { status: 302, headers: { location: locations[path] } },
})

/** A proxy with an https URL, which requests a client certificate. */
async function startProxy(locations: Record<string, string> = {}) {
  const certificates: unknown[] = []
  const record = (socket: TLSSocket) => certificates.push(socket.getPeerX509Certificate())
  const proxy = https.createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    record(request.socket as TLSSocket)
    // Without a tunnel: plain HTTP, and everything from the oldest axios.
    const location = locations[new URL(request.url ?? '').pathname]
    response.writeHead(location === undefined ? 200 : 302, location === undefined ? {} : { location }).end('proxied')
  })
  proxy.on('connect', (request, socket) => {
    record(socket as TLSSocket)
    const target = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    for (const [end, other] of [[socket, target] as const, [target, socket] as const]) {
      end.on('error', () => {}).on('close', () => other.destroy())
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  open.push({
    [Symbol.asyncDispose]: async () => {
      proxy.closeAllConnections()
      proxy.close()
    },
  })
  return { url: `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`, certificates }
}

/** Sets the variables, and if `isNative`, what `NODE_USE_ENV_PROXY=1` makes of them when Node.js starts. */
function useProxy(url: string, exceptions: string[], isNative: boolean): void {
  const variables = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: exceptions.join() }
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  if (!isNative) return
  const agent = new https.Agent({ keepAlive: true, proxyEnv: variables } as AgentOptions)
  https.globalAgent = agent
  open.push({ [Symbol.asyncDispose]: async () => agent.destroy() })
}

const hostOf = (url: string) => new URL(url).host
const authorizationHost = () => hostOf(server.appId.oauthServerUrl)

const optionsOf = (...origins: string[]): McaAuthOptions => ({
  ...{ clientId: server.clientId, oauthServerUrl: server.appId.oauthServerUrl, origins },
  clientAuth: clientCertificate({ ...one, ca: issuer.cert }),
})

const thumbprints = ({ received }: ProtectedResource) => received.map((request) => request.certificateThumbprint)

describe.each(Object.entries(await axioses()))('%s axios', (age, axios) => {
  const instanceOf = (proxy: false | undefined, ...origins: string[]) => {
    // By its name it would be the adapter of the axios that our package finds, which is the newest here.
    const adapter = axios.getAdapter('http')
    const instance = axios.create({ adapter, validateStatus: () => true, ...(proxy === false && { proxy }) })
    instance.interceptors.request.use(axiosAuth(optionsOf(...origins)) as never)
    return instance
  }

  // The connection to the second origin, or to its proxy, was made by the agent of the first one, with its certificate.
  it.each([
    { to: 'a plain HTTP origin behind a proxy', exceptions: [], isPlain: true, isNative: false },
    { to: 'an origin behind a proxy', exceptions: [], isPlain: false, isNative: false },
    { to: 'an origin behind a proxy of Node.js', exceptions: [], isPlain: false, isNative: true },
    { to: 'an origin in a range of NO_PROXY', exceptions: ['127.0.0.0/8'], isPlain: false, isNative: false },
    { to: 'another name of an origin in NO_PROXY', exceptions: ['localhost'], isPlain: false, isNative: false },
    { to: 'an origin with a dot in NO_PROXY', exceptions: ['127.0.0.1.'], isPlain: false, isNative: false },
  ])('leaves the certificate behind on a redirect to $to', async ({ exceptions, isPlain, isNative }) => {
    const away = await startResource({ intercept: () => ({ body: 'away' }) })
    const location = isPlain ? away.origin.replace('https:', 'http:') : away.origin
    const home = await startResource(redirecting({ '/away': `${location}/` }))
    const proxy = await startProxy()
    useProxy(proxy.url, [hostOf(home.origin), authorizationHost(), ...exceptions], isNative)
    expect((await instanceOf(undefined, home.origin).get(`${home.origin}/away`)).status).toBe(200)
    expect(thumbprints(home)).toEqual([thumbprintOf(one)])
    const others = [...proxy.certificates, ...thumbprints(away)]
    expect(others.length).toBeGreaterThan(0)
    expect(others.filter(Boolean)).toEqual([])
    if (exceptions.length > 0 && age === 'newest') expect(thumbprints(away)).toEqual([undefined])
  })

  it('has the certificate again when a redirect through a proxy leads back', async () => {
    const locations: Record<string, string> = {}
    const home = await startResource(redirecting(locations))
    const behind = await startResource(redirecting(locations))
    const proxy = await startProxy(locations)
    Object.assign(locations, { '/there': `${behind.origin}/back`, '/back': `${home.origin}/end` })
    useProxy(proxy.url, [hostOf(home.origin), authorizationHost()], false)
    const { status } = await instanceOf(undefined, home.origin, behind.origin).get(`${home.origin}/there`)
    expect(thumbprints(home)).toEqual([thumbprintOf(one), thumbprintOf(one)])
    expect(status).toBe(200)
    expect(proxy.certificates).toEqual([undefined])
    expect(thumbprints(behind).filter(Boolean)).toEqual([])
  })

  it('has no certificate if only axios can tell that NO_PROXY contains the origin', async () => {
    const home = await startResource({ intercept: () => ({ body: 'home' }) })
    const proxy = await startProxy()
    useProxy(proxy.url, [authorizationHost(), '127.0.0.0/8'], false)
    await instanceOf(undefined, home.origin).get(`${home.origin}/orders`)
    expect([...thumbprints(home), ...proxy.certificates]).toEqual([undefined])
  })

  // The hop used the proxy of NODE_USE_ENV_PROXY=1. A Node.js that does not support it never does.
  it.each(['https:', 'http:'])('keeps to `proxy: false` on redirects from %s', async (protocol) => {
    const away = await startResource({ intercept: () => ({ body: 'away' }) })
    const home = await startResource(redirecting({ '/away': `${away.origin}/` }))
    const plain = await startProtectedResource({
      authorizationServer: server,
      ...redirecting({ '/first': `${home.origin}/away` }),
    })
    open.push(plain)
    const proxy = await startProxy()
    useProxy(proxy.url, [authorizationHost()], true)
    const start = protocol === 'https:' ? `${home.origin}/away` : `${plain.origin}/first`
    expect((await instanceOf(false, home.origin, plain.origin).get(start)).data).toBe('away')
    expect(thumbprints(home)).toEqual([thumbprintOf(one)])
    expect(thumbprints(away)).toEqual([undefined])
    expect(proxy.certificates).toEqual([])
  })
})

describe('the agent of a hop', () => {
  const url = 'https://stock.example.com/'
  const certificate = { agent: new https.Agent(), directAgent: new https.Agent() } as never
  const headers = { has: () => false }
  /** As on a hop that has had the certificate before. */
  const certifiedHop = (proxy?: false) => {
    const options: HopOptions = { agents: { http: 'untouched' } }
    certifyHop(options, { headers, proxy }, certificate, url)
    return options
  }

  it('without the certificate is an agent without a proxy if `proxy` is false, and always the same', () => {
    useProxy('http://127.0.0.1:2', [], true)
    const [first, second] = [certifiedHop(false), certifiedHop(false)]
    for (const hop of [first, second]) certifyHop(hop, { headers, proxy: false }, undefined, url)
    expect(first.agents).toEqual({ http: 'untouched', https: expect.any(https.Agent) })
    const agent = first.agents?.https as https.Agent
    expect(agent.options).toMatchObject({ keepAlive: true })
    expect(agent.options).not.toHaveProperty('proxyEnv')
    expect(second.agents?.https).toBe(agent)
  })

  it('without the certificate is the global agent, if that has no proxy, or if `proxy` is not false', () => {
    const direct = certifiedHop(false)
    certifyHop(direct, { headers, proxy: false }, undefined, url)
    useProxy('http://127.0.0.1:2', ['stock.example.com'], true)
    const proxied = certifiedHop()
    certifyHop(proxied, { headers }, undefined, url)
    for (const { agents } of [direct, proxied]) expect(agents).toEqual({ http: 'untouched', https: undefined })
  })

  it('stays if axios has set its own, unless the hop is direct and has the certificate', () => {
    const own = new https.Agent()
    const options: HopOptions = { agents: { https: own } }
    certifyHop(options, { headers, proxy: false }, undefined, url)
    certifyHop(options, { headers, proxy: { host: '127.0.0.1' } }, certificate, url)
    expect(options.agents?.https).toBe(own)
    certifyHop(options, { headers, proxy: false }, certificate, url)
    expect(options.agents?.https).not.toBe(own)
  })
})
