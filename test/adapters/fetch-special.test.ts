import { createTokenProvider } from '@mca-auth/core'
import { type Fetch, mcaAuth } from '@mca-auth/fetch'
import ky from 'ky'
import nodeFetch3, { Request as NodeFetchRequest } from 'node-fetch'
import { ofetch } from 'ofetch'
import OpenAI from 'openai'
import createOpenApiClient from 'openapi-fetch'
import { Request as UndiciRequest, fetch as undiciFetch } from 'undici'
import { describe, expect, it } from 'vitest'
import { resource, server } from '../servers/app-id.ts'
import { startRecorder } from '../servers/recorder.ts'

describe('the fetch adapter', () => {
  it('works with ky, even after a rejected token', async () => {
    const api = ky.extend({ fetch: mcaAuth(server.appId), retry: 0 })
    await api.get(resource.origin)
    server.revokeAll()
    expect(await api.post(resource.origin, { json: { a: 1 } }).json()).toMatchObject({
      method: 'POST',
      body: '{"a":1}',
    })
    expect(server.tokenRequests).toBe(2)
  })

  it('works with ofetch, even after a rejected token', async () => {
    const api = ofetch.create({ retry: false }, { fetch: mcaAuth(server.appId) })
    await api(resource.origin)
    server.revokeAll()
    expect(await api(resource.origin, { method: 'POST', body: { a: 1 } })).toMatchObject({ body: '{"a":1}' })
    expect(server.tokenRequests).toBe(2)
  })

  it('works with openapi-fetch, even after a rejected token', async () => {
    interface Paths {
      '/orders': { post: { requestBody: { content: { 'application/json': { a: number } } }; responses: object } }
    }
    const client = createOpenApiClient<Paths>({ baseUrl: resource.origin, fetch: mcaAuth(server.appId) })
    await client.POST('/orders', { body: { a: 1 } } as never)
    server.revokeAll()
    const { data } = await client.POST('/orders', { body: { a: 2 } } as never)
    expect(data).toMatchObject({ method: 'POST', body: '{"a":2}' })
    expect(server.tokenRequests).toBe(2)
  })

  it("works with an SDK in OpenAI's style, which sets its own header unless that is disabled", async () => {
    const client = new OpenAI({
      apiKey: 'not-a-real-key',
      baseURL: resource.origin,
      fetch: mcaAuth(server.appId),
      defaultHeaders: { authorization: null },
      maxRetries: 0,
    })
    await client.models.list()
    server.revokeAll()
    await client.chat.completions.create({ model: 'any', messages: [{ role: 'user', content: 'hello' }] })
    expect(resource.received.at(-1)?.body.toString()).toContain('hello')
    expect(resource.received.at(-1)?.headers.authorization).toMatch(/^Bearer ey/)
    expect(server.tokenRequests).toBe(2)
  })

  it('may replace the global fetch, which its own token requests use', async () => {
    const before = globalThis.fetch
    try {
      globalThis.fetch = mcaAuth(server.appId)
      expect((await fetch(resource.origin)).status).toBe(200)
      globalThis.fetch = mcaAuth({ ...server.mca, origins: 'https://another.example.com' })
      expect((await fetch(resource.origin)).status).toBe(200)
    } finally {
      globalThis.fetch = before
    }
    expect(server.tokenRequests).toBe(1)
  })

  it('accepts a Request of another copy of fetch, and never sends it bare', async () => {
    const ofUndici = mcaAuth(server.appId, { fetch: undiciFetch as unknown as Fetch })
    const request = new UndiciRequest(resource.origin, { method: 'PUT', body: 'text' })
    const response = await ofUndici(request as unknown as Request)
    expect(await response.json()).toMatchObject({ method: 'PUT', body: 'text' })
  })

  it('a Request of node-fetch is sent and resent', async () => {
    await using provider = createTokenProvider(server.appId)
    const fetch = mcaAuth(provider, { fetch: nodeFetch3 as unknown as Fetch })
    for (const _ of ['cold', 'rejected']) {
      const request = new NodeFetchRequest(resource.origin, { method: 'PUT', body: 'text', headers: { 'x-a': '1' } })
      expect(await (await fetch(request as never)).json()).toMatchObject({ method: 'PUT', body: 'text' })
      server.revokeAll()
    }
    expect(resource.received.map(({ headers }) => headers['x-a'])).toEqual(['1', '1', '1'])
  })

  it('does not change the headers of a call or of a Request', async () => {
    const fetch = mcaAuth(server.appId)
    const headers = new Headers({ 'x-a': '1' })
    const request = new Request(resource.origin, { headers: { 'x-b': '2' } })
    await fetch(resource.origin, { headers })
    await fetch(request)
    await fetch(request, { headers })
    expect([...headers.keys()]).toEqual(['x-a'])
    expect([...request.headers.keys()]).toEqual(['x-b'])
    const sent = resource.received.map((one) => [one.headers['x-a'], one.headers['x-b']])
    expect(sent).toEqual([
      ['1', undefined],
      [undefined, '2'],
      ['1', undefined],
    ])
  })

  it('reads headers once, since they may be an iterator', async () => {
    function* headers(): Generator<[string, string]> {
      yield ['x-a', '1']
    }
    const init = () => ({ headers: headers() }) as unknown as RequestInit
    const fetch = mcaAuth(server.appId)
    await fetch(resource.origin, init())
    server.revokeAll()
    await fetch(resource.origin, init())
    await mcaAuth({ ...server.appId, origins: 'https://another.example.com' })(resource.origin, init())
    expect(resource.received.map((request) => request.headers['x-a'])).toEqual(['1', '1', '1', '1'])
  })

  it('sends header names as they were written, and treats `undefined` as no header', async () => {
    const names: (string | undefined)[][] = []
    await using recorder = await startRecorder((request, response) => {
      names.push(request.rawHeaders.filter((name) => /^x-a$/i.test(name)))
      response.end()
    })
    const url = `http://127.0.0.1:${recorder.port}`
    const given: unknown[] = [{ 'X-A': '1', Authorization: undefined }, [['X-A', '1']], new Headers([['X-A', '1']])]
    for (const headers of given) await mcaAuth(server.appId)(url, { headers: headers as Record<string, string> })
    await mcaAuth(server.appId)(new Request(url, { headers: { 'X-A': '1' } }))
    expect(names).toEqual(Array(4).fill(['X-A']))
    expect(recorder.received.every(({ headers }) => /^Bearer ey[^,]*$/.test(headers.authorization ?? ''))).toBe(true)
  })

  it('accepts a Request as its second argument, as fetch does', async () => {
    const request = () => new Request('http://127.0.0.1', { method: 'PUT', body: 'text', headers: { 'x-a': '1' } })
    const fetch = mcaAuth(server.appId)
    await fetch(resource.origin, request())
    server.revokeAll()
    await fetch(new Request(resource.origin), request())
    await mcaAuth({ ...server.appId, origins: 'https://another.example.com' })(resource.origin, request())
    const sent = resource.received.map(({ method, body, headers }) => [method, body.toString(), headers['x-a']])
    expect(sent).toEqual(Array(4).fill(['PUT', 'text', '1']))
  })

  it('consumes the body of a Request, as fetch does', async () => {
    const fetch = mcaAuth(server.appId)
    const request = new Request(resource.origin, { method: 'POST', body: 'text' })
    await fetch(request)
    expect(request.bodyUsed).toBe(true)
    await expect(fetch(request)).rejects.toThrow(TypeError)
  })

  it('passes a call without an http URL or with an invalid header on to fetch', async () => {
    const fetch = mcaAuth(server.appId)
    expect(await (await fetch('data:text/plain,hello')).text()).toBe('hello')
    await expect(fetch('/relative')).rejects.toThrow(TypeError)
    await expect(fetch(resource.origin, { headers: { 'a b': 'c' } })).rejects.toThrow(TypeError)
    expect(server.tokenRequests).toBe(0)
  })

  it('ends the wait for a token with the signal of the call or of the Request', async () => {
    await using provider = createTokenProvider({ ...server.appId, fetch: () => new Promise(() => {}) })
    const fetch = mcaAuth(provider)
    const signal = () => AbortSignal.timeout(50)
    await expect(fetch(resource.origin, { signal: signal() })).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(fetch(new Request(resource.origin, { signal: signal() }))).rejects.toMatchObject({
      name: 'TimeoutError',
    })
  })

  it('rejects a bad second argument', () => {
    expect(() => mcaAuth(server.appId, { fetch: 'no' as never })).toThrow('`fetch` must be a function')
    expect(() => mcaAuth(server.appId, { fetsh: fetch } as never)).toThrow(/unknown client option `fetsh`/)
  })
})
