// Features of single clients beyond a plain request, with tokens that are bound to a client certificate.
import { once } from 'node:events'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { clientCertificate, type McaAuthOptions } from '@mca-auth/core'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ProtectedResourceOptions,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Authority, authority, type Pem, thumbprintOf } from '../servers/certificates.ts'
import { axioses, gots } from './versions.ts'

let issuer: Authority
let tls: Pem
let one: Pem
let two: Pem
let server: AuthorizationServer
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
  server = await startAuthorizationServer({ tls: { ...tls, ca: issuer.cert } })
  open.push(server)
})
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function startResource(options: Partial<ProtectedResourceOptions> = {}): Promise<ProtectedResource> {
  const resource = await startProtectedResource({ authorizationServer: server, tls, ...options })
  open.push(resource)
  return resource
}

const optionsOf = (pair: Pem, ...origins: string[]): McaAuthOptions => ({
  ...{ clientId: server.clientId, oauthServerUrl: server.appId.oauthServerUrl, origins },
  clientAuth: clientCertificate({ ...pair, ca: issuer.cert }),
})

const thumbprints = ({ received }: ProtectedResource) => received.map((request) => request.certificateThumbprint)

/** Fails the first request. */
const failingOnce = () => {
  let failures = 1
  return () => (failures-- > 0 ? { status: 503, body: 'not now' } : undefined)
}

describe.each(Object.entries(await gots()))('got %s', (_major, got) => {
  it('has the certificate on a stream, on its own retries and on each page', async () => {
    const resource = await startResource()
    const api = got.extend(gotAuth(optionsOf(one, resource.origin)))
    const stream = api.stream(`${resource.origin}/stream`)
    stream.resume()
    await once(stream, 'end')
    const failing = await startResource({ intercept: failingOnce() })
    const retrying = got.extend(gotAuth(optionsOf(one, failing.origin)), {
      retry: { limit: 2, calculateDelay: ({ computedValue }) => computedValue && 1 },
    })
    await retrying(`${failing.origin}/a`)
    expect(thumbprints(failing)).toEqual([thumbprintOf(one), thumbprintOf(one)])
    const next = new URL('/page-2', resource.origin)
    const pages = api.paginate(`${resource.origin}/page-1`, {
      responseType: 'json',
      pagination: {
        transform: (response: { url: string }) => [response.url],
        paginate: ({ response }: { response: { url: string } }) => (response.url.endsWith('1') ? { url: next } : false),
      },
    } as never)
    const seen: unknown[] = []
    for await (const page of pages) seen.push(page)
    expect(seen).toHaveLength(2)
    expect(thumbprints(resource)).toEqual(Array(3).fill(thumbprintOf(one)))
  })

  it('has the certificate of the `mcaAuth()` that decides', async () => {
    const [first, second] = [await startResource(), await startResource()]
    const api = got.extend(gotAuth(optionsOf(one, first.origin)), gotAuth(optionsOf(two, first.origin, second.origin)))
    for (const { origin } of [first, second]) await api(`${origin}/a`)
    expect([thumbprints(first), thumbprints(second)]).toEqual([[thumbprintOf(one)], [thumbprintOf(two)]])
  })
})

describe.each(Object.values(await axioses()).map((axios) => [axios.VERSION, axios] as const))(
  'axios %s',
  (_v, axios) => {
    it('has the certificate without redirects, on a stream, and on a retry with the same config', async () => {
      const resource = await startResource({ intercept: failingOnce() })
      const api = axios.create({ adapter: 'http', proxy: false })
      api.interceptors.request.use(axiosAuth(optionsOf(one, resource.origin)) as never)
      api.interceptors.response.use(undefined, (error) => {
        if (error.response?.status !== 503) throw error
        return api(error.config)
      })
      await api.get(`${resource.origin}/retried`)
      await api.get(`${resource.origin}/a`, { maxRedirects: 0 })
      const { data } = await api.get(`${resource.origin}/b`, { responseType: 'stream' })
      data.resume()
      await once(data, 'end')
      expect(thumbprints(resource)).toEqual(Array(4).fill(thumbprintOf(one)))
    })

    it('has the certificate of the `mcaAuth()` that decides, even on redirects between origins', async () => {
      const second = await startResource()
      const first: ProtectedResource = await startResource({
        intercept: ({ path }) =>
          path === '/moved' ? { status: 307, headers: { location: `${second.origin}/there` } } : undefined,
      })
      const api = axios.create({ adapter: 'http', proxy: false })
      api.interceptors.request.use(axiosAuth(optionsOf(one, first.origin)) as never)
      api.interceptors.request.use(axiosAuth(optionsOf(two, first.origin, second.origin)) as never)
      for (const { origin } of [first, second]) await api.get(`${origin}/a`)
      expect([thumbprints(first), thumbprints(second)]).toEqual([[thumbprintOf(one)], [thumbprintOf(two)]])
      const both = axios.create({ adapter: 'http', proxy: false })
      both.interceptors.request.use(axiosAuth(optionsOf(one, first.origin, second.origin)) as never)
      await both.get(`${first.origin}/moved`)
      expect([thumbprints(first).at(-1), thumbprints(second).at(-1)]).toEqual([thumbprintOf(one), thumbprintOf(one)])
    })
  },
)
