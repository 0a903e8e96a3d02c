// A process often has both module formats of an adapter: an application that imports, and a library that requires.
import { createRequire } from 'node:module'
import * as axiosAdapter from '@mca-auth/axios'
import { type createTokenProvider, forwardIncoming, McaAuthError } from '@mca-auth/core'
import * as fetchAdapter from '@mca-auth/fetch'
import * as gotAdapter from '@mca-auth/got'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import * as undiciAdapter from '@mca-auth/undici'
import axios from 'axios'
import got from 'got'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Recorder, startRecorder } from '../servers/recorder.ts'

const require = createRequire(import.meta.url)
const load = <T>(name: string): T => require(`@mca-auth/${name}`)

type Options = Parameters<typeof createTokenProvider>[0]

/** Makes a client with two `mcaAuth()`, of which the first one should decide. */
interface Client {
  readonly name: string
  /** By format, ES modules first. */
  readonly formats: readonly [unknown, unknown]
  send(first: never, second: never, options: readonly [Options, Options], url: string): Promise<unknown>
}

const clients: Client[] = [
  {
    name: 'axios',
    formats: [axiosAdapter, load('axios')],
    send(first: typeof axiosAdapter, second: typeof axiosAdapter, [one, other], url) {
      const client = axios.create()
      client.interceptors.request.use(first.mcaAuth(one))
      client.interceptors.request.use(second.mcaAuth(other))
      return client.get(url)
    },
  },
  {
    name: 'got',
    formats: [gotAdapter, load('got')],
    send: (first: typeof gotAdapter, second: typeof gotAdapter, [one, other], url) =>
      got.extend(first.mcaAuth(one)).extend(second.mcaAuth(other))(url, { retry: { limit: 0 } }),
  },
  {
    name: 'undici',
    formats: [undiciAdapter, load('undici')],
    async send(first: typeof undiciAdapter, second: typeof undiciAdapter, [one, other], url) {
      const agent = new Agent()
      try {
        const dispatcher = agent.compose(second.mcaAuth(other), first.mcaAuth(one))
        const { body, statusCode } = await request(url, { dispatcher })
        await body.dump()
        return statusCode
      } finally {
        await agent.close()
      }
    },
  },
  {
    name: 'fetch',
    formats: [fetchAdapter, load('fetch')],
    send: (first: typeof fetchAdapter, second: typeof fetchAdapter, [one, other], url) =>
      first.mcaAuth(one, { fetch: second.mcaAuth(other) as typeof globalThis.fetch })(url),
  },
]

let server: AuthorizationServer
let api: Recorder
let origin: string

beforeAll(async () => {
  server = await startAuthorizationServer()
  api = await startRecorder((_request, response) => response.end())
  origin = `http://127.0.0.1:${api.port}`
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})
beforeEach(() => api.received.splice(0))

const ways = clients.flatMap(({ name, formats: [esm, cjs], send }) => [
  { name, order: 'ES modules first', first: esm, second: cjs, send },
  { name, order: 'CommonJS first', first: cjs, second: esm, send },
])

describe.each(ways)('of the two formats of one adapter on one client, $name, $order', ({ first, second, send }) => {
  const sent = async (options: [Options, Options]) => {
    await send(first as never, second as never, options, `${origin}/`)
    expect(api.received).toHaveLength(1)
    return api.received[0]?.headers.authorization
  }

  it('the first one decides, even to send no token, and the second does not add its own', async () => {
    const options: [Options, Options] = [
      { ...server.appId, origins: origin, incoming: 'forward' },
      { ...server.appId, origins: origin, tokenRequest: () => ({ scope: 'second' }) },
    ]
    expect(await forwardIncoming({ headers: {} }, () => sent(options))).toBeUndefined()
    api.received.splice(0)
    expect(await forwardIncoming({ headers: { authorization: 'Bearer alice' } }, () => sent(options))).toBe(
      'Bearer alice',
    )
  })

  it('the second one decides about origins that the first one does not list', async () => {
    const options: [Options, Options] = [
      { ...server.appId, origins: 'https://elsewhere.example.com' },
      { ...server.appId, origins: origin },
    ]
    expect(await sent(options)).toMatch(/^Bearer /)
  })

  it('an error of either is an instance of the McaAuthError of both', async () => {
    const { McaAuthError: required } = load<{ McaAuthError: typeof McaAuthError }>('core')
    const denied = { ...server.appId, secret: 'wrong-fake-secret', origins: origin }
    const error = await send(first as never, second as never, [denied, server.appId], `${origin}/`).catch(
      (reason) => reason as Error,
    )
    const own = error instanceof McaAuthError ? error : (error as Error).cause
    expect(own).toBeInstanceOf(McaAuthError)
    expect(own).toBeInstanceOf(required)
    expect(api.received).toEqual([])
  })
})
