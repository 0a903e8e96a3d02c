import { once } from 'node:events'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { mcaAuth } from '@mca-auth/axios'
import { startProtectedResource } from '@mca-auth/testing'
import axios, { type AxiosError, type AxiosInstance, type InternalAxiosRequestConfig } from 'axios'
import { describe, expect, it } from 'vitest'
import { resource, server } from '../servers/app-id.ts'
import { accept, claimsOf, failure } from './contract.ts'

function instance(defaults = {}, options = {}): AxiosInstance {
  const api = axios.create({ baseURL: resource.origin, ...defaults })
  api.interceptors.request.use(mcaAuth({ ...server.appId, ...options }))
  return api
}

const sentHeaders = () => resource.received.map(({ headers }) => headers.authorization)

describe('the axios adapter', () => {
  it('never writes a token into a config that interceptors, the response or an error could show', async () => {
    const api = axios.create({ baseURL: resource.origin })
    const seen: unknown[] = []
    const look = (config: InternalAxiosRequestConfig) => {
      seen.push(config.headers.get('Authorization'))
      return config
    }
    api.interceptors.request.use(look)
    api.interceptors.request.use(mcaAuth(server.appId))
    api.interceptors.request.use(look)
    const response = await api.get('/')
    expect(seen).toEqual([undefined, undefined])
    expect(response.config.headers.get('Authorization')).toBeUndefined()
    expect(response.request).toBeDefined()
    for (const text of [inspect(response, { depth: 20 }), inspect(response.request, { depth: 20 })]) {
      expect(text).not.toMatch(/eyJ/)
    }
  })

  it('gives precedence to an interceptor that sets the header, wherever it was registered', async () => {
    const set = (config: InternalAxiosRequestConfig) => {
      config.headers.set('Authorization', 'Custom mine')
      return config
    }
    for (const order of ['before', 'after']) {
      const api = axios.create({ baseURL: resource.origin })
      if (order === 'before') api.interceptors.request.use(set)
      api.interceptors.request.use(mcaAuth(server.appId))
      if (order === 'after') api.interceptors.request.use(set)
      await failure(api.get('/'))
    }
    expect(sentHeaders()).toEqual(['Custom mine', 'Custom mine'])
  })

  it('neither nests adapters nor keeps an old token when error.config is sent again', async () => {
    const flaky = await startProtectedResource({
      authorizationServer: server,
      intercept: () => (flaky.received.length < 6 ? { status: 503 } : undefined),
    })
    const api = axios.create()
    api.interceptors.request.use(mcaAuth(server.appId))
    let error = (await failure(api.post(flaky.origin, { a: 1 }))) as AxiosError
    const first = flaky.received[0]?.headers.authorization
    server.revokeAll()
    for (let i = 0; i < 4; i++) error = (await failure(api.request(error.config ?? {}))) as AxiosError
    const { data } = await api.request(error.config ?? {}) // 401 for the revoked token, then resent
    expect(JSON.parse(data.body)).toEqual({ a: 1 })
    expect(flaky.received).toHaveLength(7)
    expect(flaky.received.at(-1)?.headers.authorization).not.toBe(first)
    expect(server.tokenRequests).toBe(2)
    await flaky.close()
  })

  it.each([['http'], ['fetch'], [['xhr', 'http', 'fetch']], [['fetch']]])('wraps the adapter %j', async (adapter) => {
    const api = instance({ adapter })
    await api.get('/')
    server.revokeAll()
    expect((await api.get('/')).status).toBe(200)
  })

  it('wraps an adapter that is a function', async () => {
    const calls: unknown[] = []
    const adapter = (config: InternalAxiosRequestConfig) => {
      calls.push(config.headers.get('Authorization'))
      return axios.getAdapter('http')(config)
    }
    const api = instance({ adapter })
    await api.get('/')
    server.revokeAll()
    expect((await api.get('/')).status).toBe(200)
    expect(calls.map((header) => String(header).slice(0, 9))).toEqual(['Bearer ey', 'Bearer ey', 'Bearer ey'])
  })

  it("reports a bad adapter or URL with axios' own error", async () => {
    expect(await failure(instance({ adapter: 'nonsense' }).get('/'))).toMatchObject({ isAxiosError: true })
    expect(await failure(instance({ baseURL: undefined }).get('/no/origin'))).toEqual(
      await failure(axios.get('/no/origin')),
    )
  })

  it('resends after a 401 that validateStatus accepts, and for a stream that can still be read', async () => {
    const api = instance({ validateStatus: () => true })
    await api.get('/')
    server.revokeAll()
    expect((await api.get('/')).status).toBe(200)
    for (const adapter of ['http', 'fetch']) {
      server.revokeAll()
      const { data, status } = await api.get<Readable>('/', { responseType: 'stream', adapter })
      expect(status).toBe(200)
      expect(await text(data)).toContain('"method":"GET"')
    }
    const unreplayable = await startProtectedResource({
      authorizationServer: server,
      intercept: () => ({ status: 401, headers: { 'www-authenticate': 'Basic' }, body: 'intact' }),
    })
    const { data } = await api.get<Readable>(unreplayable.origin, { responseType: 'stream' })
    expect(await text(data)).toBe('intact')
    await unreplayable.close()
  })

  it('runs transformRequest once, and transformResponse on the final response only', async () => {
    const calls: string[] = []
    const api = instance({
      transformRequest: (data: string) => calls.push(`request ${data}`) && data,
      transformResponse: (data: string) => calls.push('response') && JSON.parse(data),
    })
    await api.post('/', 'x')
    server.revokeAll()
    const { data } = await api.post('/', 'y')
    expect(data.body).toBe('y')
    expect(calls).toEqual(['request x', 'response', 'request y', 'response'])
  })

  it('ends a wait for a token with CanceledError on a signal or a cancel token', async () => {
    const api = instance({}, { fetch: () => new Promise(() => {}) })
    const controller = new AbortController()
    const source = axios.CancelToken.source()
    const waits = [
      failure(api.get('/', { signal: controller.signal })),
      failure(api.get('/', { cancelToken: source.token })),
    ]
    await new Promise((resolve) => setTimeout(resolve, 50))
    controller.abort()
    source.cancel('enough')
    const [aborted, canceled] = await Promise.all(waits)
    expect([axios.isCancel(aborted), axios.isCancel(canceled)]).toEqual([true, true])
    expect((canceled as Error).message).toBe('enough')
    expect(resource.received).toHaveLength(0)
  })

  it('leaves timeout and maxRedirects unchanged', async () => {
    const slow = await startProtectedResource({
      authorizationServer: server,
      intercept: ({ path }) => (path === '/slow' ? { hang: 'headers' } : { status: 302, headers: { location: '/x' } }),
    })
    const api = instance({ baseURL: slow.origin })
    expect(await failure(api.get('/slow', { timeout: 100 }))).toMatchObject({ code: 'ECONNABORTED' })
    const error = (await failure(api.get('/redirect', { maxRedirects: 0 }))) as AxiosError
    expect(error.response?.status).toBe(302)
    await slow.close()
  })

  it("calls the caller's beforeRedirect too", async () => {
    const redirecting = await startProtectedResource({
      authorizationServer: server,
      intercept: ({ path }) => (path === '/' ? { status: 302, headers: { location: '/end' } } : undefined),
    })
    const seen: string[] = []
    const beforeRedirect = (options: Record<string, string>) => seen.push(options.path ?? '')
    expect((await instance({ baseURL: undefined }).get(redirecting.origin, { beforeRedirect })).status).toBe(200)
    expect(seen).toEqual(['/end'])
    await redirecting.close()
  })

  it('gives precedence to config.auth, userinfo, `false` and `null`', async () => {
    const open = await startProtectedResource({ authorizationServer: server, intercept: accept })
    for (const adapter of ['http', 'fetch']) {
      const api = instance({ baseURL: undefined, adapter })
      await api.get(open.origin, { auth: { username: 'u', password: 'fake' } })
      if (adapter === 'http') await api.get(open.origin.replace('//', '//u:fake@'))
      await api.get(open.origin, { headers: { Authorization: false } })
      await api.get(open.origin, { headers: { Authorization: null } })
    }
    const basic = `Basic ${Buffer.from('u:fake').toString('base64')}`
    const sent = open.received.map(({ headers }) => headers.authorization)
    expect(sent).toEqual([basic, basic, undefined, undefined, basic, undefined, undefined])
    expect(server.tokenRequests).toBe(0)
    await open.close()
  })

  it('finds the origin from baseURL, params and allowAbsoluteUrls', async () => {
    const origins = [resource.origin]
    const api = axios.create({ baseURL: `${resource.origin}/base/` })
    const elsewhere = await startProtectedResource({ authorizationServer: server, intercept: accept })
    api.interceptors.request.use(mcaAuth({ ...server.appId, origins }))
    await api.get('relative', { params: { q: 1 } })
    await api.get('/rooted')
    await api.get('')
    await api.get(elsewhere.origin)
    await api.get(`${elsewhere.origin}/`, { allowAbsoluteUrls: false })
    expect(resource.received.map(({ path }) => path).slice(0, 3)).toEqual([
      '/base/relative?q=1',
      '/base/rooted',
      '/base/',
    ])
    expect(sentHeaders().every((header) => header?.startsWith('Bearer'))).toBe(true)
    expect(resource.received).toHaveLength(4)
    expect(elsewhere.received.map(({ headers }) => headers.authorization)).toEqual([undefined])
    await elsewhere.close()
  })

  it('attaches through a Unix socket, which cannot be listed as an origin', async () => {
    const socketPath = join(tmpdir(), `mca-auth-${process.pid}.sock`)
    const seen: unknown[] = []
    const listening = createServer((request, response) => {
      seen.push(!!request.headers.authorization)
      response.end()
    }).listen(socketPath)
    await once(listening, 'listening')
    await instance({ baseURL: undefined }).get('/orders', { socketPath })
    await instance({ baseURL: undefined }).get('http://api.example.com/orders', { socketPath })
    const listed = axios.create()
    listed.interceptors.request.use(mcaAuth({ ...server.appId, origins: 'https://api.example.com' }))
    await listed.get('/orders', { socketPath })
    expect(seen).toEqual([true, true, false])
    listening.close()
  })

  it('gives precedence to the first one registered even if axios runs interceptors in order', async () => {
    const api = axios.create({ baseURL: resource.origin, transitional: { legacyInterceptorReqResOrdering: false } })
    api.interceptors.request.use(mcaAuth({ ...server.appId, scope: 'first' }))
    api.interceptors.request.use(mcaAuth({ ...server.appId, scope: 'second' }))
    await api.get('/')
    expect(claimsOf(sentHeaders()[0]).scope).toBe('appid_default first')
  })

  it('passes the 401s of a storm on without adding an error', async () => {
    const error = (await failure(
      instance()
        .get('/', { headers: { 'x-a': '1' }, baseURL: resource.origin })
        .then(async () => {
          server.rotateSecret('another-fake-secret')
          server.revokeAll()
          return axios.get(resource.origin)
        }),
    )) as AxiosError
    expect(error.response?.status).toBe(401)
  })
})
