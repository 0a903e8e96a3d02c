// A given fetch does not follow redirects: the adapter does, as the Fetch standard says.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Fetch, mcaAuth } from '@mca-auth/fetch'
import { startProtectedResource } from '@mca-auth/testing'
import nodeFetch3 from 'node-fetch'
import nodeFetch2 from 'node-fetch2'
import { fetch as undiciFetch } from 'undici'
import { describe, expect, it } from 'vitest'
import { resource, server } from '../servers/app-id.ts'
import { startRecorder } from '../servers/recorder.ts'
import { bearer } from './contract.ts'

const fetches = { undici: undiciFetch, 'node-fetch 2': nodeFetch2, 'node-fetch 3': nodeFetch3 } as object
type Answer = (request: IncomingMessage, response: ServerResponse) => unknown

const away = (location: string, status = 302): Answer => {
  return (_request, response) => response.writeHead(status, { location }).end('redirected')
}
const originOf = ({ port }: { port: number }) => `http://127.0.0.1:${port}`
const stream = (text: string) => ({ method: 'POST', body: new Blob([text]).stream(), duplex: 'half' }) as RequestInit

describe.each(Object.entries(fetches) as [string, Fetch][])('over %s as the given fetch, a redirect', (name, given) => {
  const ours = (options = {}) => mcaAuth({ ...server.appId, ...options }, { fetch: given })

  it('to another port of the same host carries no token, no cookie and no proxy password', async () => {
    await using evil = await startRecorder((_request, response) => response.end('evil'))
    await using home = await startRecorder(away(`${originOf(evil)}/away`))
    const headers = { Cookie: 'a=b', 'proxy-authorization': 'Basic eA==', 'x-a': '1' }
    for (const fetch of [ours(), ours({ origins: originOf(home) })]) {
      const response = await fetch(originOf(home), { headers })
      expect([response.url, await response.text()]).toEqual([`${originOf(evil)}/away`, 'evil'])
    }
    expect(home.received.map((one) => one.headers.authorization?.slice(0, 9))).toEqual(['Bearer ey', 'Bearer ey'])
    for (const { headers } of evil.received) {
      expect([headers.authorization, headers.cookie, headers['proxy-authorization']]).toEqual(Array(3).fill(undefined))
      expect(headers['x-a']).toBe('1')
    }
  })

  it('that comes back, or moves between listed origins, obeys the origin rule', async () => {
    await using far: Awaited<ReturnType<typeof startRecorder>> = await startRecorder((request, response) => {
      if (request.url === '/end') return response.end('far')
      return away(`${originOf(home)}/back`)(request, response)
    })
    await using home = await startRecorder((request, response) => {
      if (request.url === '/back') return response.end('back')
      return away(`${originOf(far)}${request.url}`)(request, response)
    })
    expect(await (await ours()(`${originOf(home)}/leave`)).text()).toBe('back')
    expect([...home.received, ...far.received].map(({ path, headers }) => [path, !!headers.authorization])).toEqual([
      ['/leave', true],
      ['/back', false],
      ['/leave', false],
    ])
    await ours({ origins: [originOf(home), originOf(far)] })(`${originOf(home)}/end`)
    expect(far.received.at(-1)?.headers.authorization).toMatch(/^Bearer ey/)
  })

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [302, 'PUT', 'PUT'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [307, 'POST', 'POST'],
    [308, 'DELETE', 'DELETE'],
  ])('of status %i turns a %s into a %s', async (status, method, then) => {
    await using home = await startRecorder((request, response) => {
      if (request.url === '/start') away('/end', status)(request, response)
      else response.end()
    })
    const headers = { 'content-type': 'text/css', 'content-language': 'de', 'x-a': '1' }
    await ours()(`${originOf(home)}/start`, { method, headers, ...(method !== 'HEAD' && { body: 'a{}' }) })
    const [, hop] = home.received
    expect([hop?.method, hop?.headers['x-a']]).toEqual([then, '1'])
    const kept = then === method && method !== 'HEAD'
    expect(hop?.headers['content-language']).toBe(kept || method === 'HEAD' ? 'de' : undefined)
    expect(hop?.headers['content-type']).toBe(kept || method === 'HEAD' ? 'text/css' : undefined)
    expect(hop?.headers['content-length']).toBe(kept ? '3' : undefined)
  })

  it('is followed 20 times, but not a 21st time', async () => {
    await using home = await startRecorder((request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) response.end('end')
      else away(`/${left - 1}`)(request, response)
    })
    expect(await (await ours()(`${originOf(home)}/20`)).text()).toBe('end')
    await expect(ours()(`${originOf(home)}/21`)).rejects.toMatchObject({
      cause: { message: 'redirect count exceeded' },
    })
    expect(home.received).toHaveLength(21 + 21)
  })

  it.each(['file:///etc/passwd', 'data:text/plain,x', 'http://user:fake@127.0.0.1/', 'http://['])(
    'to %s is a TypeError',
    async (location) => {
      await using home = await startRecorder(away(location))
      await expect(ours()(originOf(home))).rejects.toThrow(TypeError)
      expect(home.received).toHaveLength(1)
    },
  )

  it("is the caller's with `redirect: 'manual'` and 'error', and one without a location is a response", async () => {
    await using home = await startRecorder((request, response) => {
      if (request.url === '/nowhere') response.writeHead(302).end('nowhere')
      else away('/end')(request, response)
    })
    const response = await ours()(originOf(home), { redirect: 'manual' })
    expect([response.status, response.headers.get('location')?.endsWith('/end')]).toEqual([302, true])
    await expect(ours()(originOf(home), { redirect: 'error' })).rejects.toBeInstanceOf(Error)
    expect(await (await ours()(`${originOf(home)}/nowhere`)).text()).toBe('nowhere')
    expect(home.received.map(({ path }) => path)).toEqual(['/', '/', '/nowhere'])
  })

  // node-fetch 2 reads it as Latin-1, and returns the whole URL.
  it.skipIf(name === 'node-fetch 2')('reads the target as UTF-8, relative to the hop before', async () => {
    await using home = await startRecorder((request, response) => {
      const locations: Record<string, string> = { '/start': '/a/b', '/a/b': Buffer.from('ü?x=1').toString('latin1') }
      const location = locations[request.url ?? '']
      if (location === undefined) response.end()
      else away(location)(request, response)
    })
    await ours()(`${originOf(home)}/start`)
    expect(home.received.map(({ path }) => path)).toEqual(['/start', '/a/b', '/a/%C3%BC?x=1'])
  })

  it('after a POST repeats only its own hop if the target rejects the token', async () => {
    let rejected: string | undefined
    await using home = await startRecorder((request, response) => {
      if (request.url === '/orders') return away('/orders/1', 303)(request, response)
      rejected ??= request.headers.authorization
      if (request.headers.authorization !== rejected) return response.end('order')
      return response.writeHead(401, bearer).end()
    })
    const response = await ours()(`${originOf(home)}/orders`, { method: 'POST', body: '{}' })
    expect(await response.text()).toBe('order')
    expect(home.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /orders',
      'GET /orders/1',
      'GET /orders/1',
    ])
  })
})

describe('over a given fetch, a redirect', () => {
  const ours = (given: unknown) => mcaAuth(server.appId, { fetch: given as Fetch })

  it('fails if the body is a stream, which has been read; a 303 drops the body', async () => {
    await using home = await startRecorder((request, response) => {
      const status = Number(request.url?.slice(1))
      if (status) away('/end', status)(request, response)
      else response.end('end')
    })
    const fetch = ours(undiciFetch)
    for (const status of [302, 307]) {
      await expect(fetch(`${originOf(home)}/${status}`, stream('x'))).rejects.toThrow(TypeError)
    }
    expect(home.received.map(({ path }) => path)).toEqual(['/302', '/307'])
    expect(await (await fetch(`${originOf(home)}/303`, stream('x'))).text()).toBe('end')
  })

  it('keeps the body and the members of a Request', async () => {
    await using home = await startProtectedResource({
      authorizationServer: server,
      intercept: ({ path }) => (path === '/start' ? { status: 307, headers: { location: '/end' } } : undefined),
    })
    const request = new Request(`${home.origin}/start`, { method: 'PUT', body: 'text', headers: { 'x-a': '1' } })
    expect(await (await ours(globalThis.fetch)(request)).json()).toMatchObject({ method: 'PUT', body: 'text' })
    expect(home.received.at(-1)?.headers).toMatchObject({ 'x-a': '1', 'content-length': '4' })
  })

  it('that the given fetch hides fails, and nothing else is sent', async () => {
    const calls: unknown[] = []
    const hiding = async (...call: unknown[]) => {
      calls.push(call)
      return { type: 'opaqueredirect', status: 0, headers: new Headers(), body: null, url: '' }
    }
    await expect(ours(hiding)(resource.origin)).rejects.toThrow(TypeError)
    expect(calls).toHaveLength(1)
    expect(await ours(hiding)(resource.origin, { redirect: 'manual' })).toMatchObject({ type: 'opaqueredirect' })
  })
})
