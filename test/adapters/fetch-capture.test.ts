// Later changes do not affect a call: fetch reads everything before it returns, and so must we.
import { createTokenProvider } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/fetch'
import { describe, expect, it } from 'vitest'
import { resource, server } from '../servers/app-id.ts'
import { startRecorder } from '../servers/recorder.ts'

/** With a token that must be awaited, one that is cached, and one that is rejected. */
const states = ['cold', 'warm', 'rejected'] as const

async function fetchIn(state: (typeof states)[number]) {
  const provider = createTokenProvider(server.appId)
  if (state !== 'cold') await provider.getToken()
  if (state === 'rejected') server.revokeAll()
  return mcaAuth(provider)
}

/** The requests that the resource accepted. */
const accepted = () => resource.received.slice(-(resource.answers.get(200) ?? 0))

describe.each(states)('with a token that is %s, the fetch adapter', (state) => {
  it('sends each URL as it was at the time of the call', async () => {
    const fetch = await fetchIn(state)
    const url = new URL(resource.origin)
    const calls: Promise<Response>[] = []
    for (const page of ['1', '2', '3', '4']) {
      url.searchParams.set('page', page)
      calls.push(fetch(url))
    }
    await Promise.all(calls)
    expect(
      accepted()
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['/?page=1', '/?page=2', '/?page=3', '/?page=4'])
  })

  it('sends no token to a host that was put into the URL after the call', async () => {
    await using evil = await startRecorder((_request, response) => response.end())
    const fetch = await fetchIn(state)
    const url = new URL(resource.origin)
    const response = fetch(url)
    url.port = String(evil.port)
    expect((await response).status).toBe(200)
    expect(evil.received).toEqual([])
  })

  it.each<[string, () => [body: unknown, change: () => unknown, sent: string | RegExp]]>([
    ['a Buffer', () => bytes((buffer) => buffer)],
    ['a Uint16Array', () => bytes((buffer) => new Uint16Array(buffer.buffer, buffer.byteOffset, 2))],
    ['an ArrayBuffer', () => bytes((buffer) => buffer.buffer)],
    ['a DataView', () => bytes((buffer) => new DataView(buffer.buffer))],
    [
      'URLSearchParams',
      () => {
        const body = new URLSearchParams({ a: '1' })
        return [body, () => body.set('a', '2'), 'a=1']
      },
    ],
    [
      'FormData',
      () => {
        const body = new FormData()
        body.set('a', 'first')
        return [body, () => body.set('a', 'second'), /\r\n\r\nfirst\r\n/]
      },
    ],
  ])('sends and resends the bytes that %s had', async (_name, make) => {
    const fetch = await fetchIn(state)
    const [body, change, sent] = make()
    const response = fetch(resource.origin, { method: 'POST', body: body as string })
    change()
    expect((await response).status).toBe(200)
    expect(accepted()[0]?.body.toString()).toMatch(sent)
  })

  it('ignores later changes to `init` and its headers', async () => {
    const fetch = await fetchIn(state)
    const record = { 'X-A': '1' }
    const pairs: [string, string][] = [['x-a', '1']]
    const headers = new Headers(record)
    const inits = [{ headers: record }, { headers: pairs }, { headers }].map((init) => ({ ...init, method: 'PUT' }))
    const calls = inits.map((init) => fetch(resource.origin, init))
    record['X-A'] = '2'
    pairs[0] = ['x-a', '2']
    headers.set('x-a', '2')
    for (const init of inits) init.method = 'DELETE'
    await Promise.all(calls)
    expect(accepted().map((request) => [request.method, request.headers['x-a']])).toEqual(Array(3).fill(['PUT', '1']))
  })

  it('consumes a Request at once, and ignores later changes to its headers', async () => {
    const fetch = await fetchIn(state)
    const request = new Request(resource.origin, { method: 'PUT', body: 'text', headers: { 'x-a': '1' } })
    const response = fetch(request)
    expect(request.bodyUsed).toBe(true)
    request.headers.set('x-a', '2')
    await expect(request.text()).rejects.toThrow(TypeError)
    expect((await response).status).toBe(200)
    expect(accepted()[0]).toMatchObject({ method: 'PUT', body: Buffer.from('text'), headers: { 'x-a': '1' } })
  })

  it('reads an `init` that is an instance of a class, inherits, or has getters, and each member once', async () => {
    const fetch = await fetchIn(state)
    let reads = 0
    class Options {
      get method() {
        reads++
        return 'PUT'
      }
      get headers() {
        reads++
        return { 'x-a': '1' }
      }
    }
    const hidden = Object.defineProperty({ headers: { 'x-a': '1' } }, 'method', { value: 'PUT' })
    for (const init of [new Options(), Object.create({ method: 'PUT', headers: { 'x-a': '1' } }), hidden]) {
      expect((await fetch(resource.origin, init)).status).toBe(200)
    }
    expect(accepted().map(({ method, headers }) => [method, headers['x-a']])).toEqual(Array(3).fill(['PUT', '1']))
    expect(reads).toBe(2)
  })

  it('ends 200 calls with one signal, without a warning about a leak', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    const fetch = await fetchIn(state)
    const controller = new AbortController()
    const { signal } = controller
    const calls = Array.from({ length: 200 }, () => fetch(resource.origin, { signal }))
    controller.abort(new Error('enough'))
    const settled = await Promise.allSettled(calls)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    expect(settled.map((one) => (one as PromiseRejectedResult).reason?.message)).toEqual(Array(200).fill('enough'))
    expect(warnings.map(String)).toEqual([])
  })
})

it('ends both the wait for a token and the request by AbortSignal.timeout and by the signal of a Request', async () => {
  await using hanging = await startRecorder(() => {})
  await using provider = createTokenProvider(server.appId)
  const fetch = mcaAuth(provider)
  server.script({ hang: 'headers' })
  for (const _ of ['the token', 'the response']) {
    const signal = () => AbortSignal.timeout(50)
    const url = `http://127.0.0.1:${hanging.port}`
    const calls = [
      fetch(url, { signal: signal() }),
      fetch(new Request(url, { signal: signal(), method: 'POST', body: 'x' })),
    ]
    for (const call of calls) await expect(call).rejects.toMatchObject({ name: 'TimeoutError' })
    server.clearScript()
    await provider.getToken().catch(() => {})
  }
})

function bytes(view: (buffer: Buffer<ArrayBuffer>) => unknown): [unknown, () => unknown, string] {
  const buffer = Buffer.from(new ArrayBuffer(4))
  buffer.write('ABCD')
  return [view(buffer), () => buffer.write('EFGH'), 'ABCD']
}
