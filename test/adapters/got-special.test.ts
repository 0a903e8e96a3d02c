import { once } from 'node:events'
import { createServer } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { mcaAuth } from '@mca-auth/got'
import {
  type AuthorizationServer,
  type ProtectedResource,
  type Reply,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import type { BeforeRequestHook, Got, HTTPError, Response } from 'got'
import { generate } from 'selfsigned'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bearer, failure } from './contract.ts'
import { gots } from './versions.ts'

describe.each(Object.entries(await gots()))('the got adapter, got %s', (_version, got: Got) => {
  let server: AuthorizationServer
  let resource: ProtectedResource
  let replies: Reply[]

  beforeEach(async () => {
    server = await startAuthorizationServer()
    replies = []
    resource = await startProtectedResource({ authorizationServer: server, intercept: () => replies.shift() })
  })

  afterEach(async () => {
    await resource.close()
    await server.close()
  })

  const api = (): Got => got.extend({ retry: { limit: 0 } }, mcaAuth(server.appId))

  it('returns no promise from its hooks while the token is cached', async () => {
    const results: unknown[] = []
    const client = api().extend({
      handlers: [
        (options, next) => {
          const hook = options.hooks.beforeRequest.pop() as BeforeRequestHook
          options.hooks.beforeRequest.push((...parameters) => {
            results.push(hook(...parameters))
            return results.at(-1) as undefined
          })
          return next(options)
        },
      ],
    })
    await client(resource.origin)
    await client(resource.origin)
    expect(results[0]).toBeInstanceOf(Promise)
    expect(results[1]).toBeUndefined()
  })

  it('works with .json(), forms, resolveBodyOnly, throwHttpErrors: false and retry.limit: 0', async () => {
    const client = api()
    await client(resource.origin)
    server.revokeAll()
    expect(await client.post(resource.origin, { json: { a: 1 } }).json()).toMatchObject({ body: '{"a":1}' })
    server.revokeAll()
    expect(await client.post(resource.origin, { form: { a: 1 } }).json()).toMatchObject({ body: 'a=1' })
    server.revokeAll()
    expect(await client(resource.origin, { resolveBodyOnly: true })).toContain('GET')
    server.revokeAll()
    expect((await client(resource.origin, { throwHttpErrors: false })).statusCode).toBe(200)
    for (const _ of [1, 2]) replies.push({ status: 401, headers: { 'www-authenticate': 'Basic' }, body: 'no' })
    expect((await client(resource.origin, { throwHttpErrors: false })).statusCode).toBe(401)
  })

  it("resends even if the caller's calculateDelay allows no retry", async () => {
    const client = api().extend({ retry: { calculateDelay: () => 0 } })
    await client(resource.origin)
    server.revokeAll()
    expect((await client(resource.origin)).statusCode).toBe(200)
  })

  it("shows the caller's hooks only the response that the caller gets", async () => {
    const seen: number[] = []
    const see = (response: Response) => {
      seen.push(response.statusCode)
      return response
    }
    const client = got.extend({ hooks: { afterResponse: [see] } }, api(), { hooks: { afterResponse: [see] } })
    await client(resource.origin)
    server.revokeAll()
    await client(resource.origin)
    expect(seen).toEqual([200, 200, 200, 200])
  })

  it("works with got's own retries: a resend that meets a 503 is retried with the new token", async () => {
    const client = got.extend(
      { retry: { limit: 2, calculateDelay: ({ computedValue }) => computedValue && 1 } },
      mcaAuth(server.appId),
    )
    await client(resource.origin)
    replies.push({ status: 401, headers: bearer, body: 'no' }, { status: 503 }, { status: 503 })
    expect((await client(resource.origin)).statusCode).toBe(200)
    expect(resource.received).toHaveLength(5)
    expect(server.tokenRequests).toBe(2)
  })

  it('gives precedence to a hook that replaces the header after a 401', async () => {
    const client = api().extend({
      hooks: {
        afterResponse: [
          (response, retry) =>
            response.statusCode === 401 ? retry({ headers: { authorization: 'Custom mine' } }) : response,
        ],
      },
    })
    const headers = { 'www-authenticate': 'Custom' }
    replies.push({ status: 401, headers }, { status: 401, headers }, { body: 'ok' })
    expect((await client(resource.origin)).body).toBe('ok')
    expect(resource.received[2]?.headers.authorization).toBe('Custom mine')
  })

  it('attaches to every page of a pagination', async () => {
    replies.push({ body: [1] })
    const client = api()
    const pages = client.paginate<number>(resource.origin, {
      responseType: 'json',
      pagination: {
        transform: (response) => [JSON.stringify(response.body).length],
        paginate: () => (resource.received.length < 3 ? { searchParams: { page: resource.received.length } } : false),
      },
    })
    for await (const _ of pages) server.revokeAll()
    const sent = resource.received.map(({ headers }) => !!headers.authorization)
    expect(sent.every(Boolean)).toBe(true)
    expect(sent.length).toBeGreaterThanOrEqual(3)
  })

  it('does not resend a stream, but replaces its rejected token for the next', async () => {
    const client = api()
    expect(await text(client.stream(resource.origin))).toContain('GET')
    server.revokeAll()
    const error = (await failure(text(client.stream(resource.origin)))) as HTTPError
    expect(error.response.statusCode).toBe(401)
    expect(resource.received).toHaveLength(2)
    expect(await text(client.stream(resource.origin))).toContain('GET')
    expect(server.tokenRequests).toBe(2)
  })

  it("does not change the caller's context, and carries nothing over into the next request", async () => {
    const context = { mine: 1 }
    const client = api().extend({ context })
    await client(resource.origin)
    await client(resource.origin, { context: { more: 2 } })
    expect(Reflect.ownKeys(context)).toEqual(['mine'])
    expect(Reflect.ownKeys(client.defaults.options.context)).toEqual(['mine'])
  })

  it('attaches through a unix socket', async () => {
    const socketPath = join(tmpdir(), `mca-auth-got-${process.pid}.sock`)
    const seen: unknown[] = []
    const listening = createServer((request, response) => {
      seen.push(!!request.headers.authorization)
      response.end()
    }).listen(socketPath)
    await once(listening, 'listening')
    await api()(`http://unix${socketPath.startsWith('/') ? '' : '/'}${socketPath}:/orders`, { enableUnixSockets: true })
    expect(seen).toEqual([true])
    listening.close()
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
    const url = `https://localhost:${(h2.address() as AddressInfo).port}/`
    const client = api().extend({ http2: true, https: { rejectUnauthorized: false }, retry: { limit: 0 } })
    expect((await client(url)).body).toBe('h2')
    expect(new Set(seen).size).toBe(2)
    h2.close()
  })
})
