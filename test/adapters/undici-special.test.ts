import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createTokenProvider } from '@mca-auth/core'
import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { mcaAuth } from '@mca-auth/undici'
import { generate } from 'selfsigned'
import type * as Undici from 'undici'
import type { Dispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { accept, bearer, failure } from './contract.ts'
import { undicis } from './versions.ts'

describe.each(Object.entries(await undicis()))('the undici adapter, undici %s', (version, undici: typeof Undici) => {
  let server: AuthorizationServer
  let resource: ProtectedResource
  let agent: Dispatcher

  beforeEach(async () => {
    server = await startAuthorizationServer()
    resource = await startProtectedResource({ authorizationServer: server })
    agent = new undici.Agent({ connect: { rejectUnauthorized: false } })
  })

  afterEach(async () => {
    await agent.destroy()
    await resource.close()
    await server.close()
  })

  const ours = (options = {}) => agent.compose(mcaAuth({ ...server.appId, ...options }))

  async function respond(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    const listening = createServer(answer).listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const close = () => {
      listening.closeAllConnections()
      listening.close()
    }
    return { origin: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, [Symbol.dispose]: close }
  }

  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['a record', () => ({ 'x-a': '1', 'x-b': ['2', '3'] })],
    ['a flat array', () => ['x-a', '1', 'x-b', '2']],
    [
      'pairs',
      () => [
        ['x-a', '1'],
        ['x-b', '2'],
      ],
    ],
    ['Headers', () => new Headers({ 'x-a': '1' })],
    ["undici's Headers", () => new undici.Headers({ 'x-a': '1' })],
    ['a Map', () => new Map([['x-a', '1']])],
    [
      'a generator',
      function* () {
        yield ['x-a', '1']
      },
    ],
  ])('attaches to headers given as %s without changing them', async (name, make) => {
    const headers = make()
    const dispatcher = ours()
    const before = JSON.stringify(headers)
    for (const _ of [1, 2]) {
      const given = name === 'a generator' ? make() : headers
      const { statusCode } = await undici.request(resource.origin, { dispatcher, headers: given as never })
      expect(statusCode).toBe(200)
    }
    expect(JSON.stringify(headers)).toBe(before)
    if (headers) expect(resource.received[1]?.headers['x-a']).toBe('1')
  })

  it.each<[string, () => unknown]>([
    ['a record', () => ({ AuthorizatioN: 'Custom mine' })],
    ['a flat array', () => ['Authorization', 'Custom mine']],
    ['pairs', () => [['authorization', 'Custom mine']]],
    ['Headers', () => new Headers({ authorization: 'Custom mine' })],
    [
      'a generator',
      function* () {
        yield ['Authorization', 'Custom mine']
      },
    ],
  ])("gives precedence to the caller's own header in %s", async (_name, make) => {
    await undici.request(resource.origin, { dispatcher: ours(), headers: make() as never })
    expect(resource.received[0]?.headers.authorization).toBe('Custom mine')
  })

  it("is synchronous with a cached token, and keeps dispatch's boolean", async () => {
    const provider = createTokenProvider(server.appId)
    const calls: { headers: Record<string, string> }[] = []
    const dispatch = mcaAuth(provider)((options) => calls.push(options) < 0)
    const handler = { onRequestStart() {}, onResponseError() {} }
    const options = { origin: resource.origin, path: '/', method: 'GET', headers: {} }
    expect(dispatch(options, handler)).toBe(true)
    expect(calls).toHaveLength(0)
    await provider.getToken()
    await new Promise((resolve) => setImmediate(resolve))
    calls.length = 0
    expect(dispatch(options, handler)).toBe(false)
    expect(calls[0]?.headers.authorization).toBe(provider.peek())
    expect(dispatch.length).toBe(2)
  })

  it('supports stream() and pipeline()', async () => {
    const dispatcher = ours()
    const opaque = new PassThrough()
    await undici.stream(resource.origin, { dispatcher, opaque } as never, ({ statusCode }) => {
      expect(statusCode).toBe(200)
      return opaque
    })
    expect(await text(opaque)).toContain('GET')
    const duplex = undici.pipeline(resource.origin, { dispatcher, method: 'POST' }, ({ body }) => body)
    duplex.end('piped')
    expect(JSON.parse(await text(duplex)).body).toBe('piped')
  })

  it('supports a Pool and a Client whose origin is in `origins`, and does not guess it', async () => {
    for (const Host of [undici.Pool, undici.Client]) {
      const host = new Host(resource.origin)
      const one = host.compose(mcaAuth({ ...server.appId, origins: resource.origin }))
      const { statusCode, body } = await one.request({ path: '/', method: 'GET' })
      await body.dump()
      expect(statusCode).toBe(200)
      if (Number(version) < 8) {
        const none = host.compose(mcaAuth(server.appId))
        expect(await failure(none.request({ path: '/', method: 'GET' }))).toMatchObject({ code: 'MISSING_ORIGINS' })
      }
      await host.destroy()
    }
    expect(resource.received).toHaveLength(2)
  })

  it('leaves CONNECT alone', async () => {
    using proxy = await respond(() => {})
    const dispatch = mcaAuth(server.appId)((options: { headers?: unknown }) => options.headers === undefined)
    expect(dispatch({ origin: proxy.origin, path: 'a:1', method: 'CONNECT' }, {})).toBe(true)
  })

  it('carries the header of a WebSocket upgrade', async () => {
    let authorization: string | undefined
    const listening = createServer().listen(0, '127.0.0.1')
    listening.on('upgrade', (request, socket) => {
      authorization = request.headers.authorization
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
    })
    await once(listening, 'listening')
    const { port } = listening.address() as AddressInfo
    const socket = new undici.WebSocket(`ws://127.0.0.1:${port}`, { dispatcher: ours() })
    await new Promise((resolve) => {
      socket.addEventListener('error', resolve, { once: true })
      socket.addEventListener('close', resolve, { once: true })
    })
    expect(authorization).toMatch(/^Bearer ey/)
    listening.close()
  })

  it('ends a wait for a token when an event emitter emits abort', async () => {
    const signal = new EventEmitter()
    const dispatcher = ours({ fetch: () => new Promise(() => {}) })
    const aborted = failure(undici.request(resource.origin, { dispatcher, signal }))
    await new Promise((resolve) => setTimeout(resolve, 20))
    signal.emit('abort')
    await aborted
    expect(resource.received).toHaveLength(0)
  })

  it('resends despite a 401 body that is huge or never ends, and drops the connection', async () => {
    for (const kind of ['huge', 'endless']) {
      let refused: string | undefined
      let written = 0
      const dropped: string[] = []
      using backend = await respond((request, response) => {
        refused ??= request.headers.authorization
        if (request.headers.authorization !== refused) return response.end('ok')
        response.writeHead(401, bearer)
        response.on('close', () => dropped.push(kind))
        const more = () => {
          do written += 65_536
          while (!response.destroyed && response.write('x'.repeat(65_536)))
        }
        if (kind === 'endless') return response.write('x')
        response.on('drain', more)
        more()
      })
      const before = performance.now()
      const { statusCode, body } = await undici.request(backend.origin, { dispatcher: ours() })
      expect([statusCode, await body.text()]).toEqual([200, 'ok'])
      await vi.waitFor(() => expect(dropped).toEqual([kind]))
      // A huge body is cut off by its size, part of which sits in the buffers of both sides; an endless one after a second.
      if (kind === 'huge') expect(written).toBeLessThan(50_000_000)
      else expect(performance.now() - before).toBeGreaterThan(900)
    }
  })

  it('passes a long 401 on untouched if the request is not resent', async () => {
    const long = 'x'.repeat(300_000)
    server.reissue = true
    const other = await startProtectedResource({
      authorizationServer: server,
      intercept: () => ({ status: 401, headers: { ...bearer, 'x-a': ['1', '2'] }, body: long }),
    })
    for (const method of ['GET', 'POST'] as const) {
      const { statusCode, headers, body } = await undici.request(other.origin, {
        dispatcher: ours(),
        method,
        body: null,
      })
      expect([statusCode, headers['x-a'], await body.text()]).toEqual([401, ['1', '2'], long])
    }
    await other.close()
  })

  it('still resends if the server closes the connection right after its 401', async () => {
    let refused: string | undefined
    using backend = await respond((request, response) => {
      refused ??= request.headers.authorization
      if (request.headers.authorization !== refused) return response.end('ok')
      response.writeHead(401, { ...bearer, 'content-length': 100_000 })
      response.write('x')
      setTimeout(() => request.socket.resetAndDestroy(), 20)
    })
    server.delayMs = 100
    const { statusCode } = await undici.request(backend.origin, { dispatcher: ours() })
    expect(statusCode).toBe(200)
  })

  it('aborts a 401 that waits for another token', async () => {
    const dispatcher = ours()
    await undici.request(resource.origin, { dispatcher })
    server.revokeAll()
    const controller = new AbortController()
    const answer = server.answer.bind(server)
    server.answer = (request) => {
      controller.abort()
      return answer(request)
    }
    await failure(undici.request(resource.origin, { dispatcher, signal: controller.signal }))
    await undici.request(resource.origin, { dispatcher }) // with the token of that request
    expect(server.tokenRequests).toBe(2)
    expect(resource.received).toHaveLength(3)
  })

  it('fails a fetch without `origins`, whose redirects it could not distinguish from requests', async () => {
    const error = await failure(undici.fetch(resource.origin, { dispatcher: ours() }))
    expect(error).toMatchObject({ message: 'fetch failed', cause: { code: 'MISSING_ORIGINS' } })
    const headers = { authorization: 'Custom mine' }
    await undici.fetch(resource.origin, { dispatcher: ours(), headers })
    expect(resource.received.map((request) => request.headers.authorization)).toEqual(['Custom mine'])
  })

  it('passes token requests over the global dispatcher on, even those of two providers', async () => {
    const before = undici.getGlobalDispatcher()
    const fetch = undici.fetch as unknown as typeof globalThis.fetch
    const other = await startAuthorizationServer()
    try {
      const first = mcaAuth({
        ...server.appId,
        clientAuth: 'client_secret_post',
        fetch,
        origins: [resource.origin, other.origin],
      })
      const open = await startProtectedResource({ authorizationServer: other })
      const second = mcaAuth({ ...other.appId, clientAuth: 'client_secret_post', fetch, origins: open.origin })
      undici.setGlobalDispatcher(agent.compose(second).compose(first))
      expect((await undici.fetch(resource.origin)).status).toBe(200)
      expect((await undici.fetch(open.origin)).status).toBe(200)
      expect([server.tokenRequests, other.tokenRequests]).toEqual([1, 1])
      await open.close()
    } finally {
      undici.setGlobalDispatcher(before)
      await other.close()
    }
  })

  it('works with the retry interceptor in both orders', async () => {
    const { retry } = undici.interceptors
    const auth = mcaAuth(server.appId)
    for (const dispatcher of [agent.compose(auth).compose(retry()), agent.compose(retry()).compose(auth)]) {
      await undici.request(resource.origin, { dispatcher })
      server.revokeAll()
      const { statusCode } = await undici.request(resource.origin, { dispatcher })
      expect(statusCode).toBe(200)
    }
  })

  it('works over HTTP/2', async () => {
    const pem = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 })
    const seen: unknown[] = []
    const h2 = createSecureServer({ key: pem.private, cert: pem.cert }, (request, response) => {
      seen.push(request.headers.authorization)
      if (seen.length === 1) response.writeHead(401, bearer)
      response.end('h2')
    }).listen(0, '127.0.0.1')
    await once(h2, 'listening')
    const h2Agent = new undici.Agent({ allowH2: true, connect: { rejectUnauthorized: false } })
    const dispatcher = h2Agent.compose(mcaAuth(server.appId))
    const url = `https://localhost:${(h2.address() as AddressInfo).port}/`
    const { statusCode, body } = await undici.request(url, { dispatcher })
    expect([statusCode, await body.text()]).toEqual([200, 'h2'])
    expect(new Set(seen).size).toBe(2)
    await h2Agent.destroy()
    h2.close()
  })

  it('reuses a connection after a resend', async () => {
    const one = new undici.Agent({ connections: 1 })
    const dispatcher = one.compose(mcaAuth(server.appId))
    const ports = new Set<unknown>()
    let refused: string | undefined
    using backend = await respond((request, response) => {
      ports.add(request.socket.remotePort)
      refused ??= request.headers.authorization
      if (request.headers.authorization === refused) response.writeHead(401, bearer)
      response.end('x'.repeat(10_000))
    })
    for (const _ of [1, 2, 3]) await (await undici.request(backend.origin, { dispatcher })).body.dump()
    expect(ports.size).toBe(1)
    await one.destroy()
  })

  it('carries no token to the unlisted origin of a redirect', async () => {
    const open = await startProtectedResource({ authorizationServer: server, intercept: accept })
    const dispatcher = ours({ origins: [resource.origin] })
    await undici.fetch(open.origin, { dispatcher })
    expect(open.received[0]?.headers.authorization).toBeUndefined()
    await open.close()
  })
})
