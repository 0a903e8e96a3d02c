// Layers that send a request again, on either side of us, with tokens that are bound to a key: a layer around us gets a new
// proof each time, a layer beneath us sends the same proof again. docs/dpop.md says so.
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { createTokenProvider } from '@mca-auth/core'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type ReceivedRequest,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { mcaAuth } from '@mca-auth/undici'
import axios, { type InternalAxiosRequestConfig } from 'axios'
import { got } from 'got'
import { Agent, type Dispatcher, interceptors, request } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { undicis } from './versions.ts'

let server: AuthorizationServer
let resource: ProtectedResource
const open: AsyncDisposable[] = []

/** Fails each request once, redirects the paths that should move, and verifies the rest. */
const unstable = () => {
  const failed = new Set<string>()
  return ({ path }: ReceivedRequest) => {
    if (path.startsWith('/moved')) return { status: 307, headers: { location: path.slice('/moved'.length) } }
    if (!path.startsWith('/unstable') || failed.has(path)) return undefined
    failed.add(path)
    return { status: 503, body: 'not now' }
  }
}

beforeEach(async () => {
  server = await startAuthorizationServer()
  resource = await startProtectedResource({ authorizationServer: server, intercept: unstable() })
  open.push(server, resource)
})
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

function boundProvider() {
  const provider = createTokenProvider({ ...server.appId, dpop: true })
  open.push(provider)
  return provider
}

/** How many sendings there were, and with how many proofs. */
const sendings = () => ({
  sent: resource.received.length,
  proofs: new Set(resource.received.map(({ headers }) => headers.dpop)).size,
})

const renewed = { status: 200, sent: 2, proofs: 2 }
/** The second sending has the proof of the first one. After a redirect, that proof is for another URL. */
const repeated = { sent: 2, proofs: 1 }

for (const [version, undici] of Object.entries(await undicis())) {
  describe(`undici ${version}`, () => {
    type Layer = Parameters<Dispatcher['compose']>[0]
    async function send(path: string, layers: (ours: Layer) => Layer[]) {
      const agent = new undici.Agent()
      open.push({ [Symbol.asyncDispose]: () => agent.destroy() })
      const ours = mcaAuth(boundProvider()) as Layer
      const dispatcher = layers(ours).reduce<Dispatcher>((inner, layer) => inner.compose(layer), agent)
      const { statusCode, body } = await undici.request(resource.origin + path, { dispatcher })
      await body.dump()
      return { status: statusCode, ...sendings() }
    }
    const retry = () => undici.interceptors.retry({ minTimeout: 1, maxRetries: 2 }) as Layer
    const redirect = () => undici.interceptors.redirect({ maxRedirections: 3 }) as Layer

    it('signs a new proof for a retry and a redirect around us', async () => {
      expect(await send('/unstable/1', (ours) => [ours, retry()])).toEqual(renewed)
      resource.received.length = 0
      expect(await send('/moved/things', (ours) => [ours, redirect()])).toEqual(renewed)
      resource.received.length = 0
      expect(await send('/moved/unstable/2', (ours) => [ours, retry(), redirect()])).toMatchObject({
        ...{ status: 200, sent: 3, proofs: 3 },
      })
    })

    it('is not involved in a retry and a redirect beneath us', async () => {
      // The resource has not seen the proof of a request that failed before it was verified.
      expect(await send('/unstable/1', (ours) => [retry(), ours])).toMatchObject(repeated)
      resource.received.length = 0
      expect(await send('/moved/things', (ours) => [redirect(), ours])).toMatchObject({ status: 401, ...repeated })
    })
  })
}

describe('fetch', () => {
  it('signs a new proof for a retry around us, and not for one beneath us', async () => {
    const retrying =
      (fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
      async (...call) => {
        const response = await fetch(...call)
        return response.status === 503 ? fetch(...call) : response
      }
    const provider = boundProvider()
    const around = await retrying(fetchAuth(provider))(`${resource.origin}/unstable/1`)
    expect({ status: around.status, ...sendings() }).toEqual(renewed)
    resource.received.length = 0
    await fetchAuth(provider, { fetch: retrying(fetch) })(`${resource.origin}/unstable/2`)
    expect(sendings()).toEqual(repeated)
  })

  it.each([
    ['follow', 200, ['/moved/things', '/things']],
    ['manual', 307, ['/moved/things']],
  ] as const)('treats a redirect as the caller wants: %s', async (redirect, status, paths) => {
    const response = await fetchAuth(boundProvider())(`${resource.origin}/moved/things`, { redirect })
    expect(response.status).toBe(status)
    expect(resource.received.map(({ path }) => path)).toEqual(paths)
    expect(response.url.endsWith(paths.at(-1) as string)).toBe(true)
  })

  it('rejects a redirect if the caller wants that', async () => {
    const call = fetchAuth(boundProvider())(`${resource.origin}/moved/things`, { redirect: 'error' })
    await expect(call).rejects.toThrow('fetch failed')
    expect(resource.received).toHaveLength(1)
  })
})

it("axios: signs a new proof for a retry by an interceptor and for each redirect, not for an adapter's own retry", async () => {
  const provider = boundProvider()
  const instance = axios.create()
  instance.interceptors.request.use(axiosAuth(provider))
  instance.interceptors.response.use(undefined, (error) => {
    if (error.response?.status !== 503) throw error
    return instance(error.config)
  })
  expect({ status: (await instance.get(`${resource.origin}/unstable/1`)).status, ...sendings() }).toEqual(renewed)
  resource.received.length = 0
  expect({ status: (await instance.get(`${resource.origin}/moved/things`)).status, ...sendings() }).toEqual(renewed)
  resource.received.length = 0
  const inner = axios.getAdapter('http')
  const adapter = (config: InternalAxiosRequestConfig) =>
    inner({ ...config, validateStatus: null }).then((response) => (response.status === 503 ? inner(config) : response))
  await instance.get(`${resource.origin}/unstable/2`, { adapter }).catch(() => {})
  expect(sendings()).toEqual(repeated)
})

it('got: signs a new proof for its own retries, redirects and pages', async () => {
  const api = got.extend(gotAuth(boundProvider()), {
    retry: { calculateDelay: ({ computedValue }) => computedValue && 1 },
  })
  const { statusCode: status } = await api(`${resource.origin}/moved/unstable/1`)
  expect({ status, ...sendings() }).toEqual({ status: 200, sent: 3, proofs: 3 })
})

it('undici: signs for the name of a host if a DNS layer beneath us dispatches to its address', async () => {
  const agent = new Agent()
  open.push({ [Symbol.asyncDispose]: () => agent.destroy() })
  const dispatcher = agent.compose(interceptors.dns()).compose(mcaAuth(boundProvider()) as never)
  const url = resource.origin.replace('127.0.0.1', 'localhost')
  const { statusCode, body } = await request(`${url}/things`, { dispatcher })
  await body.dump()
  expect(statusCode).toBe(200)
  expect(resource.dpop.proofs[0]?.htu).toBe(`${url}/things`)
})
