// Faults, found or possible, with other software around axios.

import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { inspect } from 'node:util'
import { mcaAuth } from '@mca-auth/axios'
import { forwardIncoming, type McaAuthOptions } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import axios, { AxiosError, type AxiosRequestConfig, type AxiosResponse, type InternalAxiosRequestConfig } from 'axios'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { watchRedirects } from '../../packages/axios/src/fetch-adapter.ts'
import { startRecorder } from '../servers/recorder.ts'
import { accept, failure } from './contract.ts'

describe('axios among other software', () => {
  let server: AuthorizationServer
  let resource: ProtectedResource

  beforeEach(async () => {
    server = await startAuthorizationServer()
    resource = await startProtectedResource({ authorizationServer: server })
  })

  afterEach(async () => {
    vi.unstubAllEnvs()
    await resource.close()
    await server.close()
  })

  function client(options: McaAuthOptions = {}, config: AxiosRequestConfig = {}) {
    const api = axios.create(config)
    api.interceptors.request.use(mcaAuth({ ...server.appId, ...options }))
    return api
  }

  const as = <T>(user: string | undefined, run: () => T) =>
    forwardIncoming({ headers: { authorization: user && `Bearer fake-${user}` } }, run)
  const sent = () => resource.received.map(({ headers }) => headers.authorization)

  it('fails as axios fails, so that caches and retries around it settle', async () => {
    for (const data of [undefined, '{}', Readable.from(['stream'])]) {
      const error = (await failure(client({ secret: 'wrong-fake-secret' }).post(resource.origin, data))) as AxiosError
      expect(error).toBeInstanceOf(AxiosError)
      expect(error).toMatchObject({
        isAxiosError: true,
        code: 'TOKEN_REQUEST_REFUSED',
        cause: { name: 'McaAuthError' },
      })
      expect(error.config?.url).toBe(resource.origin)
      expect(JSON.stringify(error)).toContain('TOKEN_REQUEST_REFUSED')
    }
    expect(resource.received).toHaveLength(0)
  })

  it.each<[string, () => Readable]>([
    ['that does not exist', () => createReadStream('/nonexistent/fake')],
    [
      'that is destroyed while the token is awaited',
      () => {
        const body = new PassThrough()
        setImmediate(() => body.destroy(new Error('gone')))
        return body
      },
    ],
    [
      'that was destroyed without an error',
      () => {
        const body = new PassThrough()
        setImmediate(() => body.destroy())
        return body
      },
    ],
    [
      'that fails later than the token arrives',
      () =>
        new Readable({
          read() {
            setTimeout(() => this.destroy(new Error('late')), 50)
          },
        }),
    ],
  ])('rejects for a body %s without ending the process', async (_name, body) => {
    expect(await failure(client().post(resource.origin, body()))).toBeInstanceOf(AxiosError)
  })

  it('treats a response without headers as one without a challenge', async () => {
    let answers = 0
    const adapter = async (config: InternalAxiosRequestConfig) => {
      const response = { status: 401, statusText: '', config, data: 'no' } as AxiosResponse
      if (answers++ > 0) return { ...response, status: 200, data: 'yes' }
      throw new AxiosError('mocked', 'ERR_BAD_REQUEST', config, undefined, response)
    }
    expect((await client({}, { adapter }).get('http://localhost:1/')).data).toBe('yes')
    answers = 0
    const lenient = async (config: InternalAxiosRequestConfig) =>
      ({ status: answers++ > 0 ? 200 : 401, config }) as AxiosResponse
    expect((await client({}, { adapter: lenient }).get('http://localhost:1/')).status).toBe(200)
  })

  it('ignores a rejection that came from a cache', async () => {
    const cached = async (config: InternalAxiosRequestConfig) =>
      ({ status: 401, config, cached: true, headers: {} }) as never
    const api = client({}, { adapter: cached, validateStatus: () => true })
    expect((await api.get('http://localhost:1/')).status).toBe(401)
    expect(server.tokenRequests).toBe(1)
  })

  it('sends no token through a proxy in plain text', async () => {
    await using proxy = await startRecorder((_request, response) => response.end('proxied'))
    const url = `http://127.0.0.1:${proxy.port}`
    const target = resource.origin
    vi.stubEnv('http_proxy', url)
    vi.stubEnv('no_proxy', new URL(server.origin).host)
    expect(await failure(client().get(target))).toMatchObject({ code: 'INSECURE_TRANSPORT' })
    expect(await failure(client({ origins: target }).get(target))).toMatchObject({ code: 'INSECURE_TRANSPORT' })
    expect(await failure(client().get(target.replace('http:', ' HTTP:')))).toMatchObject({ code: 'INSECURE_TRANSPORT' })
    expect((await client({}, { adapter: 'fetch' }).get(target)).status).toBe(200) // which uses no proxy
    vi.stubEnv('http_proxy', '')
    const { port } = proxy
    expect(await failure(client().get(target, { proxy: { host: '127.0.0.1', port } }))).toMatchObject({
      code: 'INSECURE_TRANSPORT',
    })
    expect(proxy.received).toHaveLength(0)
    expect(
      (await client({ allowInsecureRequests: true }).get(target, { proxy: { host: '127.0.0.1', port } })).data,
    ).toBe('proxied')
    vi.stubEnv('http_proxy', url)
    expect((await client().get(target, { proxy: false })).status).toBe(200)
    vi.stubEnv('no_proxy', '127.0.0.1')
    expect((await client().get(target)).status).toBe(200)
  })

  it('gives the token of an instance with a baseURL to that origin alone', async () => {
    const other = await startProtectedResource({ authorizationServer: server, intercept: accept })
    const api = client({}, { baseURL: `${resource.origin}/v1` })
    await api.get('/mine')
    await api.get(`${other.origin}/absolute`)
    expect(other.received.map(({ headers }) => headers.authorization)).toEqual([undefined])
    expect(sent()[0]).toMatch(/^Bearer ey/)
    await other.close()
  })

  it('executes no POST twice after a redirect, on either adapter', async () => {
    const orders = await startProtectedResource({
      authorizationServer: server,
      intercept: ({ path }) => (path === '/orders' ? { status: 303, headers: { location: '/orders/1' } } : undefined),
    })
    for (const adapter of ['http', 'fetch']) {
      const api = client({}, { adapter })
      await api.get(orders.origin)
      server.revokeAll()
      orders.received.length = 0
      expect(await failure(api.post(`${orders.origin}/orders`, '{}'))).toMatchObject({ response: { status: 401 } })
      expect(orders.received.map(({ method }) => method)).toEqual(['POST', 'GET'])
      expect((await api.get(orders.origin)).status).toBe(200)
    }
    await orders.close()
  })

  it('treats a config that is used again after a success as a new request', async () => {
    await using open = await startProtectedResource({ authorizationServer: server, intercept: accept })
    const api = client({ origins: open.origin, incoming: 'forward' })
    const earlier = await as('alice', () => api.get(`${open.origin}/a`))
    await as('bob', () => api.get(`${open.origin}/b`, earlier.config))
    await as('bob', () => api.request(earlier.config))
    await as(undefined, () => axios.create(earlier.config).get(`${open.origin}/c`))
    const sent = open.received.map(({ headers }) => headers.authorization)
    expect(sent).toEqual(['Bearer fake-alice', 'Bearer fake-bob', 'Bearer fake-bob', undefined])
  })

  it('treats a config as a new request if it became the defaults of an instance, or is used for another URL', async () => {
    let status = 200
    await using open = await startProtectedResource({ authorizationServer: server, intercept: () => ({ status }) })
    const api = client({ origins: open.origin, incoming: 'forward' })
    const { url: _, ...defaults } = (await as('alice', () => api.get(`${open.origin}/a`))).config
    const instance = axios.create(defaults)
    status = 503
    const error = (await failure(as('alice', () => instance.get(`${open.origin}/b`)))) as AxiosError
    status = 200
    await as('bob', () => instance.get(`${open.origin}/b`))
    await as('bob', () => api.get(`${open.origin}/c`, error.config))
    await as('alice', () => api.request(error.config as AxiosRequestConfig))
    const users = open.received.map(({ headers }) => headers.authorization?.slice('Bearer fake-'.length))
    expect(users).toEqual(['alice', 'alice', 'bob', 'bob', 'alice'])
  })

  it('respects what later interceptors change in a request: its URL, its base URL, its headers', async () => {
    const target = { origins: resource.origin }
    const rewrites: ((config: InternalAxiosRequestConfig) => unknown)[] = [
      (config) => Object.assign(config, { baseURL: resource.origin }),
      (config) => Object.assign(config, { url: `${resource.origin}${config.url}` }),
    ]
    for (const rewrite of rewrites) {
      const api = axios.create()
      api.interceptors.request.use(rewrite as never)
      api.interceptors.request.use(mcaAuth({ ...server.appId, ...target }))
      expect((await api.get('/late')).status).toBe(200)
    }
    const api = axios.create()
    api.interceptors.request.use(mcaAuth({ ...server.appId, ...target }))
    api.interceptors.request.use(((config: InternalAxiosRequestConfig) => ({
      ...config,
      headers: { ...config.headers, 'x-a': '1' },
    })) as never)
    const { config } = await api.get(resource.origin)
    expect(resource.received.at(-1)?.headers['x-a']).toBe('1')
    expect(config.headers.get('User-Agent')).toMatch(/axios/)
  })

  it('ends the wait for a token with a signal of another class, and with a provider that ignores signals', async () => {
    const deaf = { getToken: () => new Promise<never>(() => {}) }
    const api = axios.create()
    api.interceptors.request.use(mcaAuth(deaf))
    const controller = new AbortController()
    const sent = failure(api.get(resource.origin, { signal: controller.signal }))
    controller.abort()
    expect(axios.isCancel(await sent)).toBe(true)
    const listeners = new Set<() => void>()
    class ForeignSignal {
      aborted = false
      addEventListener = (_name: string, listener: () => void) => listeners.add(listener)
      removeEventListener = (_name: string, listener: () => void) => listeners.delete(listener)
    }
    const foreign = new ForeignSignal()
    const canceled = failure(api.get(resource.origin, { signal: foreign as never }))
    await vi.waitFor(() => expect(listeners.size).toBeGreaterThan(0))
    foreign.aborted = true
    for (const listener of listeners) listener()
    expect(axios.isCancel(await canceled)).toBe(true)
  })

  it('uses one fetch for all requests, since axios keeps each one forever', () => {
    const first: { env?: { fetch?: unknown } } = {}
    const second: { env?: { fetch?: unknown } } = {}
    watchRedirects(first as never, 'fetch')
    watchRedirects(second as never, ['xhr', 'fetch'])
    expect(first.env?.fetch).toBe(second.env?.fetch)
  })

  it('drops a token that is rejected after a failure in between', async () => {
    const statuses = [401, 500, 401, 200]
    const flaky = await startProtectedResource({
      authorizationServer: server,
      intercept: () => ({ status: statuses.shift() ?? 200 }),
    })
    const api = client({ origins: flaky.origin })
    const error = (await failure(api.get(flaky.origin))) as AxiosError
    await failure(api.request(error.config as AxiosRequestConfig))
    await api.get(flaky.origin)
    expect(new Set(flaky.received.map(({ headers }) => headers.authorization)).size).toBe(3)
    await flaky.close()
  })

  it("keeps the caller of a request that a queue sends again from another caller's context", async () => {
    const seen = new Set<string>()
    const flaky = await startProtectedResource({
      authorizationServer: server,
      intercept: (request) => {
        if (seen.has(request.path)) return accept(request)
        seen.add(request.path)
        return { status: 503 }
      },
    })
    const api = client({ origins: flaky.origin, incoming: 'forward' })
    const waiting: (() => void)[] = []
    api.interceptors.response.use(undefined, (error: AxiosError) => {
      if (waiting.length === 1) queueMicrotask(() => waiting.splice(0).map((run) => run()))
      return new Promise((resolve, reject) => {
        waiting.push(() => api.request(error.config as AxiosRequestConfig).then(resolve, reject))
      })
    })
    await Promise.all(['alice', 'bob'].map((user) => as(user, () => api.get(`${flaky.origin}/${user}`))))
    for (const { path, headers } of flaky.received) expect(headers.authorization).toBe(`Bearer fake-${path.slice(1)}`)
    expect(flaky.received).toHaveLength(4)
    await flaky.close()
  })

  it('sends the content that a body had at the time of the call', async () => {
    const body = Buffer.from('first')
    const posted = client().post(resource.origin, body)
    setImmediate(() => body.write('LATER'))
    await posted
    expect(resource.received[0]?.body.toString()).toBe('first')
    // axios itself reads its config after the call, unless every interceptor is synchronous.
    const api = axios.create()
    api.interceptors.request.use(mcaAuth({ ...server.appId, scope: 'cold' }), undefined, { synchronous: true })
    const url = new URL(resource.origin)
    const pages = [1, 2, 3].map((page) => {
      url.searchParams.set('page', String(page))
      return api.get(url as unknown as string)
    })
    url.port = '1'
    await Promise.all(pages)
    const paths = resource.received.slice(1).map(({ path }) => path)
    expect(paths.sort()).toEqual(['/?page=1', '/?page=2', '/?page=3'])
  })

  it('follows the first of two whose origins match, even if it decides to send no token', async () => {
    const api = axios.create()
    const none = { ...server.appId, origins: resource.origin, incoming: 'forward' as const }
    api.interceptors.request.use(mcaAuth(none))
    api.interceptors.request.use(mcaAuth({ ...server.appId }))
    await failure(as(undefined, () => api.get(resource.origin)))
    expect(sent()).toEqual([undefined])
    const other = await startProtectedResource({ authorizationServer: server })
    expect((await as(undefined, () => api.get(other.origin))).status).toBe(200)
    await other.close()
  })

  it('shows no token in a stream, a request or an error, at any depth', async () => {
    const dropping = createServer((request) => request.socket.destroy()).listen(0, '127.0.0.1')
    await once(dropping, 'listening')
    const shown: unknown[] = []
    for (const adapter of ['http', 'fetch']) {
      const api = client({}, { adapter })
      const response = await api.get(resource.origin, { responseType: 'stream' })
      shown.push(response, response.data, response.request, { response })
      shown.push(await failure(api.get(`http://127.0.0.1:${(dropping.address() as AddressInfo).port}`)))
      shown.push(await failure(api.get(resource.origin, { maxContentLength: 1 })))
      shown.push(
        await failure(
          api.get(resource.origin, {
            responseType: 'json',
            transitional: { silentJSONParsing: false },
            transformResponse: () => {
              throw new Error('unreadable')
            },
          }),
        ),
      )
    }
    dropping.close()
    for (const value of shown) {
      expect(inspect(value, { depth: Number.POSITIVE_INFINITY })).not.toMatch(/eyJ/)
      expect(inspect((value as AxiosError).request, { depth: Number.POSITIVE_INFINITY })).not.toMatch(/eyJ/)
    }
  })
})
