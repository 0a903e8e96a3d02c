// Faults, found or possible, with other layers around ours and beneath it.
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { forwardIncoming, type McaAuthOptions } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { mcaAuth } from '@mca-auth/undici'
import NodeFormData from 'form-data'
import type * as Undici from 'undici'
import type { Dispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startRecorder } from '../servers/recorder.ts'
import { accept, failure } from './contract.ts'
import { undicis } from './versions.ts'

type Layer = (dispatch: Dispatcher['dispatch']) => Dispatcher['dispatch']

describe.each(Object.entries(await undicis()))('among other layers, undici %s', (version, undici: typeof Undici) => {
  let server: AuthorizationServer
  let resource: ProtectedResource
  let agent: Dispatcher

  beforeEach(async () => {
    server = await startAuthorizationServer()
    resource = await startProtectedResource({ authorizationServer: server })
    agent = new undici.Agent({ connections: 2 })
  })

  afterEach(async () => {
    await agent.destroy()
    await resource.close()
    await server.close()
  })

  const auth = (options: McaAuthOptions = {}) => mcaAuth({ ...server.appId, ...options }) as unknown as Layer
  const retry = () => undici.interceptors.retry({ minTimeout: 1, maxRetries: 4 })
  const redirect = () => undici.interceptors.redirect({ maxRedirections: 5 })
  /** Hides the identity of the handler from the layers beneath. */
  const wrapping: Layer = (dispatch) => (options, handler) =>
    dispatch(options, new Proxy(handler, { get: (target, name) => bound(target, name) }))
  const compose = (...layers: Layer[]) => layers.reduce((inner, layer) => inner.compose(layer as never), agent)
  const sent = ({ received }: { received: readonly { headers: { authorization?: string | undefined } }[] }) =>
    received.map(({ headers }) => headers.authorization)

  async function get(dispatcher: Dispatcher, url: string, options: object = {}) {
    const { statusCode, body } = await undici.request(url, { dispatcher, ...options })
    return { status: statusCode, text: await body.text() }
  }

  /** Responds to each path with 503 once, then 200. */
  function flaky() {
    const seen = new Set<string>()
    return startProtectedResource({
      authorizationServer: server,
      intercept: (request) => {
        if (seen.has(request.path)) return accept(request)
        seen.add(request.path)
        return { status: 503 }
      },
    })
  }

  const retrying: [string, (options: McaAuthOptions) => Dispatcher][] = [
    ['retry', (options) => compose(auth(options), retry())],
    ['retry around another layer', (options) => compose(auth(options), wrapping, retry())],
    ['a RetryAgent', (options) => new undici.RetryAgent(compose(auth(options)), { minTimeout: 1, maxRetries: 4 })],
    ['redirect around retry', (options) => compose(auth(options), retry(), redirect())],
    ['retry around redirect', (options) => compose(auth(options), redirect(), retry())],
    ['a layer around retry', (options) => compose(auth(options), retry(), wrapping)],
  ]

  it.each(retrying)('keeps forty users apart whose requests are all sent twice by %s', async (_name, composed) => {
    await using backend = await flaky()
    const dispatcher = composed({ origins: backend.origin, incoming: 'forward' })
    const user = (i: number) => (i % 5 === 0 ? undefined : `Bearer fake-user-${i}`)
    const send = (i: number) =>
      forwardIncoming({ headers: { authorization: user(i) } }, () => get(dispatcher, `${backend.origin}/${i}`))
    await forwardIncoming({ headers: { authorization: 'Bearer fake-first' } }, () =>
      get(dispatcher, `${backend.origin}/x`),
    )
    await Promise.all(Array.from({ length: 40 }, (_, i) => send(i)))
    const users = backend.received.filter(({ path }) => path !== '/x')
    expect(users).toHaveLength(80)
    for (const { path, headers } of users) expect(headers.authorization).toBe(user(Number(path.slice(1))))
  })

  it.each(retrying.slice(0, 3))(
    'sends no token to the unlisted origin of a redirect that fails once, with %s',
    async (_name, composed) => {
      await using away = await startRecorder((request, response) => {
        response.writeHead(request.url === '/away' && away.received.length === 1 ? 503 : 200).end('away')
      })
      const origin = `http://127.0.0.1:${away.port}`
      await using home = await startProtectedResource({
        authorizationServer: server,
        intercept: () => ({ status: 302, headers: { location: `${origin}/away` } }),
      })
      const outside = composed({}).compose(redirect())
      expect(await get(outside, home.origin)).toEqual({ status: 200, text: 'away' })
      const fetching = { dispatcher: composed({ origins: home.origin }) }
      away.received.length = 0
      expect((await undici.fetch(home.origin, fetching as never)).status).toBe(503 - 303)
      expect(sent(away).filter(Boolean)).toEqual([])
      expect(sent(home).every(Boolean)).toBe(true)
    },
  )

  it.each<[string, Layer[]]>([
    ['redirect', [redirect()]],
    ['redirect around another layer', [wrapping, redirect()]],
    ['redirect around retry', [retry(), redirect()]],
    ['retry around redirect', [redirect(), retry()]],
    ['redirect around retry around another layer', [wrapping, retry(), redirect()]],
  ])('never sends the token after a redirect away and back, under %s', async (_name, layers) => {
    let failures = 0
    await using away = await startRecorder((_request, response) => {
      if (++failures === 1) response.writeHead(503).end()
      else response.writeHead(302, { location: `${home.origin}/back` }).end()
    })
    await using home = await startProtectedResource({
      authorizationServer: server,
      intercept: (request) =>
        request.path === '/back'
          ? accept(request)
          : { status: 302, headers: { location: `http://127.0.0.1:${away.port}/` } },
    })
    const retries = layers.some((layer) => String(layer).includes('etry'))
    if (!retries) failures = 1
    for (const options of [{}, { origins: home.origin }]) {
      home.received.length = away.received.length = 0
      const { status } = await get(compose(auth(options), ...layers), `${home.origin}/start`)
      expect(status).toBe(200)
      // A retry layer outside starts again from the first URL.
      const hops = new Set(home.received.map(({ path, headers }) => `${path} ${headers.authorization !== undefined}`))
      expect([...hops]).toEqual(['/start true', '/back false'])
      expect(sent(away).filter(Boolean)).toEqual([])
      failures = retries ? 0 : 1
    }
  })

  it('uses the host name of the request if a DNS layer replaced it by an address', async () => {
    const named = resource.origin.replace('127.0.0.1', 'localhost')
    const seen: string[] = []
    const tokenRequest: McaAuthOptions['tokenRequest'] = ({ url }) => {
      seen.push(url.href)
      return {}
    }
    const options = { origins: named, tokenRequest }
    for (const layers of [
      [undici.interceptors.dns()],
      [undici.interceptors.dns(), redirect()],
      [redirect(), undici.interceptors.dns()],
    ]) {
      expect(
        (await get(compose(auth(options), ...(layers as Layer[])), `${named}/a`, { query: { b: 'c' } })).status,
      ).toBe(200)
    }
    expect(new Set(seen)).toEqual(new Set([`${named}/a?b=c`]))
    // A Host header or a path from the caller never decides the origin.
    const dispatcher = compose(auth({ origins: 'https://api.example.com' }))
    await get(dispatcher, resource.origin, { headers: { host: 'api.example.com' } })
    expect(sent(resource).at(-1)).toBeUndefined()
    await get(compose(auth(options)), `${named}//api.example.com/users`)
    expect(seen.at(-1)).toBe(`${named}//api.example.com/users`)
  })

  it('resends the last hop of a redirect alone, and never a POST twice', async () => {
    const intercept = ({ path }: { path: string }) =>
      path === '/orders' ? { status: 303, headers: { location: '/1' } } : undefined
    for (const layers of [
      [redirect(), auth()],
      [auth(), redirect()],
    ]) {
      await using orders = await startProtectedResource({ authorizationServer: server, intercept })
      const dispatcher = compose(...layers)
      await get(dispatcher, `${orders.origin}/warm`)
      server.revokeAll()
      await get(dispatcher, `${orders.origin}/orders`, { method: 'POST', body: '{}' })
      expect(orders.received.filter(({ method }) => method === 'POST')).toHaveLength(1)
      expect((await get(dispatcher, `${orders.origin}/2`)).status).toBe(200)
    }
  })

  it('resends an iterable byte for byte, but never a consumed stream', async () => {
    const dispatcher = compose(auth())
    const views = [new Uint16Array([0x4142, 0x4344]), new DataView(Buffer.from('-view-').buffer.slice(0, 6)), 'text']
    const post = (body: unknown, headers = {}) => get(dispatcher, resource.origin, { method: 'POST', body, headers })
    await get(dispatcher, resource.origin)
    async function* generated() {
      for (const view of views) yield view instanceof DataView ? new Uint8Array(view.buffer) : view
    }
    for (const body of [generated(), generated()]) {
      server.revokeAll()
      const { status, text } = await post(body)
      expect([status, JSON.parse(text).body.slice(0, 4)]).toEqual([200, 'BADC'])
      const [first, second] = resource.received.slice(-2)
      expect(second?.body).toEqual(first?.body)
    }
    const form = new NodeFormData()
    form.append('field', 'fake')
    for (const [body, headers] of [
      [form, form.getHeaders()],
      [Readable.from(['stream']), {}],
    ] as const) {
      await get(dispatcher, resource.origin)
      server.revokeAll()
      expect((await post(body, headers)).status).toBe(401)
    }
  })

  it('handles a rejection from a mock or a layer beneath, and settles', async () => {
    const mock = new undici.MockAgent()
    mock.disableNetConnect()
    const pool = mock.get('http://localhost:1')
    const replies = () => {
      pool.intercept({ path: '/', method: 'GET' }).reply(401, 'no', { headers: { 'www-authenticate': 'Bearer' } })
      pool.intercept({ path: '/', method: 'GET' }).reply(200, 'yes')
    }
    const mocked = mock.compose(auth() as never)
    replies()
    expect(await get(mocked, 'http://localhost:1/')).toEqual({ status: 200, text: 'yes' })
    replies()
    server.reissue = true // no new token is available: the 401 is delivered
    server.revokeAll()
    expect(await get(mocked, 'http://localhost:1/')).toMatchObject({ text: expect.stringMatching(/no|yes/) })
    await mock.close()
  })

  it.runIf(Number(version) > 6)('drops a token if a layer beneath turns its rejection into an error', async () => {
    const { responseError } = undici.interceptors
    for (const beneath of [
      responseError(),
      undici.interceptors.retry({ statusCodes: [401], maxRetries: 1, minTimeout: 1 }),
    ]) {
      const dispatcher = compose(beneath as Layer, auth())
      await get(dispatcher, resource.origin)
      server.revokeAll()
      await failure(get(dispatcher, resource.origin))
      expect((await get(dispatcher, resource.origin)).status).toBe(200)
    }
  })

  it.runIf(Number(version) > 6)('passes a record of headers to layers beneath if there were none', async () => {
    const { cache, dns } = undici.interceptors
    for (const layers of [
      [cache(), auth()],
      [dns(), auth()],
      [dns(), cache(), auth()],
    ]) {
      const url = resource.origin.replace('127.0.0.1', 'localhost')
      expect((await get(compose(...(layers as Layer[])), url)).status).toBe(200)
      expect((await get(compose(...(layers as Layer[])), url, { headers: new Headers({ 'x-a': '1' }) })).status).toBe(
        200,
      )
    }
    expect(resource.received.every(({ headers }) => !('0' in headers))).toBe(true)
  })

  it('resends in the context of the caller, not of the request that opened the connection', async () => {
    const context = new AsyncLocalStorage<number>()
    const seen: [path: string, caller: number | undefined][] = []
    const tracing: Layer = (dispatch) => (options, handler) => {
      seen.push([options.path, context.getStore()])
      return dispatch(options, handler)
    }
    const dispatcher = compose(tracing, auth())
    await context.run(0, () => get(dispatcher, `${resource.origin}/0`))
    server.revokeAll()
    const callers = [1, 2, 3, 4, 5, 6]
    await Promise.all(
      callers.map((caller) => context.run(caller, () => get(dispatcher, `${resource.origin}/${caller}`))),
    )
    expect(seen.length).toBeGreaterThan(1 + callers.length)
    for (const [path, caller] of seen) expect(path).toBe(`/${caller}`)
  })

  it('keeps the caller of a request that a layer sends again from any context, and calls `tokenRequest` once', async () => {
    await using backend = await flaky()
    const queue: (() => unknown)[] = []
    const worker = setInterval(() => queue.shift()?.(), 1)
    /** Repeats a request after a 503, from a timer that was started before any request. */
    const queueing: Layer = (dispatch) => (options, target: object) => {
      let failed = false
      const again = () => queue.push(() => dispatch(options, handler as never))
      const handler = new Proxy(target, {
        get: (_target, name) => {
          const method = name === 'constructor' ? target.constructor : bound(target, name)
          if (typeof method !== 'function' || name === 'constructor') return method
          return (...args: unknown[]) => {
            if (name === 'onResponseStart' || name === 'onHeaders') failed = args.includes(503)
            const isEnd = name === 'onResponseEnd' || name === 'onComplete'
            if (failed && isEnd) return again()
            return failed && name !== 'onConnect' && name !== 'onRequestStart' ? true : method(...args)
          }
        },
      })
      return dispatch(options, handler as never)
    }
    let asked = 0
    const tokenRequest = () => {
      asked++
      return {}
    }
    const dispatcher = compose(auth({ origins: backend.origin, incoming: 'forward', tokenRequest }), queueing)
    const send = (user: string) =>
      forwardIncoming({ headers: { authorization: `Bearer fake-${user}` } }, () =>
        get(dispatcher, `${backend.origin}/${user}`),
      )
    await Promise.all(['alice', 'bob'].map(send))
    clearInterval(worker)
    expect(backend.received).toHaveLength(4)
    for (const { path, headers } of backend.received) expect(headers.authorization).toBe(`Bearer fake-${path.slice(1)}`)
    expect(asked).toBe(2)
  })

  it('treats a request from a callback, or with the same handler, as a new request', async () => {
    await using backend = await startProtectedResource({
      authorizationServer: server,
      intercept: ({ path }) => (path === '/fails' ? { status: 503 } : { body: 'ok' }),
    })
    const dispatcher = compose(auth({ origins: backend.origin, incoming: 'forward' }))
    const as = <T>(name: string, run: () => T) =>
      forwardIncoming({ headers: { authorization: `Bearer fake-${name}` } }, run)
    /** Dispatches with a separate handler that does something at the end. */
    const dispatch = (path: string, handler: object) =>
      dispatcher.dispatch({ origin: backend.origin, path, method: 'GET' }, handler as never)
    const handler = (end: () => void) =>
      version === '6'
        ? { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: end, onError: end }
        : { onRequestStart() {}, onResponseStart() {}, onResponseData() {}, onResponseEnd: end, onResponseError: end }
    for (const first of ['/works', '/fails']) {
      backend.received.length = 0
      await new Promise<void>((resolve) => {
        as('alice', () =>
          dispatch(
            first,
            handler(() => as('bob', () => dispatch('/other', handler(resolve)))),
          ),
        )
      })
      expect(sent(backend)).toEqual(['Bearer fake-alice', 'Bearer fake-bob'])
      // One handler object, two users, the same URL.
      backend.received.length = 0
      const shared = handler(() => {})
      as('alice', () => dispatch(first, shared))
      await vi.waitFor(() => expect(backend.received).toHaveLength(1))
      await new Promise((resolve) => setTimeout(resolve, 50))
      as('bob', () => dispatch(first, shared))
      await vi.waitFor(() => expect(backend.received).toHaveLength(2))
      expect(sent(backend)).toEqual(['Bearer fake-alice', 'Bearer fake-bob'])
    }
  })

  it('sends what the caller passed at the call, even after the wait for a token and in the resend', async () => {
    const dispatcher = compose(auth())
    const options = {
      origin: resource.origin,
      path: '/first',
      method: 'POST',
      headers: { 'x-a': 'first' },
      body: 'first',
    }
    const change = () =>
      Object.assign(options, { path: '/later', body: 'later' }) && Object.assign(options.headers, { 'x-a': 'later' })
    const restore = () =>
      Object.assign(options, { path: '/first', body: 'first' }) && Object.assign(options.headers, { 'x-a': 'first' })
    for (const state of ['cold', 'rejected']) {
      restore()
      if (state === 'rejected') server.revokeAll()
      const sending = dispatcher.request(options as never)
      change()
      expect((await sending).statusCode).toBe(200)
    }
    const received = resource.received.map(({ path, headers, body }) => [path, headers['x-a'], String(body)])
    expect(received).toEqual(Array.from({ length: 3 }, () => ['/first', 'first', 'first']))
    const body = Buffer.from('first')
    const sending = get(compose(auth()), `${resource.origin}/bytes`, { method: 'POST', body })
    body.write('LATER')
    await sending
    expect(String(resource.received.at(-1)?.body)).toBe('first')
    const origin = new URL(resource.origin)
    const query = { page: 1 }
    const cold = compose(auth()).request({ origin, path: '/paged', method: 'GET', query } as never)
    origin.port = '1'
    query.page = 2
    expect((await cold).statusCode).toBe(200)
    expect(resource.received.at(-1)?.path).toBe('/paged?page=1')
  })

  it('decides about a redirect to an address by that address, even with a DNS layer', async () => {
    const stranger: (string | undefined)[] = []
    const port = Number(new URL(resource.origin).port)
    const evil = createServer((request, response) => {
      stranger.push(request.headers.authorization)
      response.end()
    }).listen(port, '127.0.0.2')
    await once(evil, 'listening')
    const redirecting = await startRecorder((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.2:${port}/steal` }).end()
    })
    const named = `http://localhost:${redirecting.port}`
    for (const options of [{}, { origins: named }]) {
      for (const layers of [
        [redirect(), undici.interceptors.dns()],
        [wrapping, redirect(), undici.interceptors.dns()],
      ]) {
        await get(compose(auth({ ...options, allowInsecureRequests: true }), ...(layers as Layer[])), named)
      }
    }
    evil.close()
    await redirecting[Symbol.asyncDispose]()
    expect(stranger).toEqual([undefined, undefined, undefined, undefined])
  })

  it('resends even if the token request needs the connection of the rejected request', async () => {
    const before = undici.getGlobalDispatcher()
    const limited = new undici.Agent({ connections: 1 })
    const fetch = undici.fetch as unknown as typeof globalThis.fetch
    let issued = 0
    await using both = await startProtectedResource({
      authorizationServer: server,
      intercept: ({ path, headers }) => {
        if (path === '/token')
          return { body: { access_token: `fake-${++issued}`, token_type: 'Bearer', expires_in: 3600 } }
        return headers.authorization === `Bearer fake-2` ? { body: 'ok' } : { status: 401, body: 'no' }
      },
    })
    const own = { tokenEndpoint: `${both.origin}/token`, clientId: 'c', secret: 'fake', origins: both.origin, fetch }
    undici.setGlobalDispatcher(limited.compose(mcaAuth(own) as never))
    try {
      expect((await undici.fetch(`${both.origin}/a`)).status).toBe(200)
    } finally {
      undici.setGlobalDispatcher(before)
      await limited.destroy()
    }
  })

  it('shows no token in an error of a layer beneath', async () => {
    const failing: Layer = () => (options, handler) => {
      const error = Object.assign(new Error(`failed: ${JSON.stringify(options)}`), { options })
      const target = handler as { onResponseError?(c: unknown, e: unknown): void; onError?(e: unknown): void }
      queueMicrotask(() => (version === '6' ? target.onError?.(error) : target.onResponseError?.({}, error)))
      return true
    }
    const error = await failure(get(compose(failing, auth()), resource.origin))
    expect(inspect(error, { depth: 9 })).toContain('failed')
    expect(inspect(error, { depth: 9 }) + JSON.stringify(error) + String(error)).not.toMatch(/eyJ/)
  })

  it('lets the outermost of two whose origins match decide, even to send no token', async () => {
    const inner = auth({ scope: 'inner' })
    const outer = auth({ origins: resource.origin, incoming: 'forward' })
    for (const layers of [
      [inner, outer],
      [inner, retry(), outer],
      [inner, wrapping, outer, retry()],
    ]) {
      await forwardIncoming({ headers: {} }, () => get(compose(...layers), resource.origin))
      expect(sent(resource).at(-1)).toBeUndefined()
    }
    await get(compose(inner, auth({ origins: 'https://api.example.com' })), resource.origin)
    expect(sent(resource).at(-1)).toMatch(/^Bearer ey/)
  })
})

function bound(target: object, name: string | symbol): unknown {
  const value = Reflect.get(target, name)
  return typeof value === 'function' ? value.bind(target) : value
}
