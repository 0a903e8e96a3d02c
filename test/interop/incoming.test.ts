import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { type CachingTokenProvider, createTokenProvider, forwardIncoming } from '@mca-auth/core'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clients } from '../faults/subjects.ts'
import { type Recorder, startRecorder } from '../servers/recorder.ts'

let server: AuthorizationServer
let resource: Recorder
let origin: string
let status: number
const open: Server[] = []

beforeEach(async () => {
  server = await startAuthorizationServer()
  status = 200
  resource = await startRecorder((_request, response) => response.writeHead(status, bearer).end())
  origin = `http://127.0.0.1:${resource.port}`
})

afterEach(async () => {
  for (const listening of open.splice(0)) {
    listening.closeAllConnections()
    listening.close()
  }
  await resource[Symbol.asyncDispose]()
  await server.close()
})

const bearer = { 'www-authenticate': 'Bearer error="invalid_token"' }
const provide = (options: object = {}) =>
  createTokenProvider({ ...server.appId, origins: origin, incoming: 'forward', ...options })
const sent = () => resource.received.splice(0).map(({ headers }) => headers.authorization)

describe.each(clients)('within an incoming request, by $name', ({ start }) => {
  const make = (provider: CachingTokenProvider) => start(provider, true).call

  const within = (authorization: string | undefined, send: (url: string) => Promise<unknown>) =>
    forwardIncoming({ headers: { authorization } }, () => send(origin))

  it('sends the token of that request, and none if it had none', async () => {
    await using provider = provide()
    const send = make(provider)
    await within('Bearer of-the-caller', send)
    await within(undefined, send)
    await within('Basic not-a-real-password', send)
    await Promise.all(['a', 'b', 'c'].map((caller) => within(`Bearer of-${caller}`, send)))
    expect(
      sent()
        .map((header) => header ?? 'none')
        .sort(),
    ).toEqual(['Bearer of-a', 'Bearer of-b', 'Bearer of-c', 'Bearer of-the-caller', 'none', 'none'].sort())
    expect(server.tokenRequests).toBe(0)
  })

  it('sends our own token outside of one, and if the incoming token is ignored', async () => {
    await using provider = provide()
    await make(provider)(origin)
    await using ignoring = provide({ incoming: 'ignore' })
    await within('Bearer of-the-caller', make(ignoring))
    expect(sent().map((header) => header?.slice(0, 9))).toEqual(['Bearer ey', 'Bearer ey'])
  })

  it('never resends it, and never caches it', async () => {
    await using provider = provide()
    const send = make(provider)
    await send(origin)
    status = 401
    await within('Bearer of-the-caller', send)
    status = 200
    await send(origin)
    expect(sent().map((header) => header?.slice(0, 9))).toEqual(['Bearer ey', 'Bearer of', 'Bearer ey'])
    expect(server.tokenRequests).toBe(1)
  })

  it('sends it to no other origin', async () => {
    await using provider = provide({ origins: 'https://another.example.com' })
    await within('Bearer of-the-caller', make(provider))
    expect(sent()).toEqual([undefined])
  })
})

describe('the middleware', () => {
  async function listen(listener: RequestListener): Promise<string> {
    const listening = createServer(listener).listen(0, '127.0.0.1')
    open.push(listening)
    await once(listening, 'listening')
    return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
  }

  /** Two callers at once, with bodies for the middleware to read. */
  async function call(url: string): Promise<void> {
    const post = (caller: string) =>
      fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer of-${caller}`, 'content-type': 'application/json' },
        body: '{"a":1}',
      })
    const answers = await Promise.all([post('one'), post('two')])
    expect(answers.map((answer) => answer.status)).toEqual([200, 200])
    expect(sent().sort()).toEqual(['Bearer of-one', 'Bearer of-two'])
  }

  it('of Express', async () => {
    await using provider = provide()
    const send = fetchAuth(provider)
    const app = express()
    app.use(express.json())
    app.use((incoming, _response, next) => forwardIncoming(incoming, next))
    app.post('/', async (_request, response) => {
      await send(origin)
      response.end()
    })
    await call(await listen(app))
  })

  it('of Koa', async () => {
    await using provider = provide()
    const send = fetchAuth(provider)
    const app = new Koa()
    app.use((context, next) => forwardIncoming(context.req, next))
    app.use(async (context) => {
      await send(origin)
      context.body = 'ok'
    })
    await call(await listen(app.callback()))
  })

  it('of Fastify', async () => {
    await using provider = provide()
    const send = fetchAuth(provider)
    const app = fastify()
    app.addHook('preHandler', (incoming, _reply, done) => forwardIncoming(incoming, done))
    app.post('/', async () => {
      await send(origin)
      return 'ok'
    })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    await call(url)
    await app.close()
  })
})

it('requires `origins` for the tokens of callers', () => {
  const { origins, ...rest } = { ...server.appId, origins: origin }
  expect(() => createTokenProvider({ ...rest, incoming: 'forward' })).toThrow(
    "`incoming: 'forward'` needs `origins`: the callers' tokens go nowhere else",
  )
  expect(() => createTokenProvider({ ...rest, origins, incoming: 'pass' as never })).toThrow(
    "`incoming` must be 'forward', 'exchange' or 'ignore'",
  )
})

it('goes over plain HTTP only to an origin that is listed with http:, and is never shown', async () => {
  await using provider = provide({ origins: 'https://orders.example.test' })
  const error = await forwardIncoming({ headers: { authorization: 'Bearer of-the-caller' } }, () =>
    fetchAuth(provider, { allowInsecureRequests: false, origins: ['https://orders.example.test'] })(
      'https://orders.example.test:1',
    ).catch((caught) => caught),
  )
  expect(inspect(error, { depth: 9 })).not.toContain('of-the-caller')
})
