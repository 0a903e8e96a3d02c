// Layers around the adapter, beneath it, or in place of the global fetch.
import { inspect } from 'node:util'
import { forwardIncoming, McaAuthError } from '@mca-auth/core'
import { type Fetch, mcaAuth } from '@mca-auth/fetch'
import ky from 'ky'
import { afterEach, describe, expect, it } from 'vitest'
import { resource, server } from '../servers/app-id.ts'
import { startRecorder } from '../servers/recorder.ts'
import { claimsOf, failure } from './contract.ts'

const native = globalThis.fetch

afterEach(() => {
  globalThis.fetch = native
})

/** Like msw: responds to some requests, and later passes the others on as its own Request. */
function mock(paths: Record<string, () => Response>): { calls: string[]; [Symbol.dispose](): void } {
  const beneath = globalThis.fetch
  const calls: string[] = []
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const { pathname } = new URL(request.url)
    calls.push(`${pathname} ${request.headers.has('authorization')}`)
    await new Promise((resolve) => setImmediate(resolve))
    return paths[pathname]?.() ?? beneath(request)
  }
  return {
    calls,
    [Symbol.dispose]() {
      globalThis.fetch = beneath
    },
  }
}

describe('the global fetch', () => {
  it('is looked up at each call, so that a mock installed later is used until it is removed', async () => {
    const fetch = mcaAuth(server.appId)
    {
      using mocked = mock({ '/mocked': () => new Response('mocked') })
      expect(await (await fetch(`${resource.origin}/mocked`)).text()).toBe('mocked')
      expect((await fetch(`${resource.origin}/real`)).status).toBe(200)
      expect(mocked.calls.filter((call) => !call.includes('/token'))).toEqual(['/mocked true', '/real true'])
    }
    expect((await fetch(`${resource.origin}/mocked`)).status).toBe(200)
    expect(resource.received.map(({ path }) => path)).toEqual(['/real', '/mocked'])
  })

  it('may be a mock that rejects a token, or whose responses have no URL or headers', async () => {
    const fetch = mcaAuth(server.appId)
    let status = 401
    using mocked = mock({
      '/mocked': () => {
        const response = new Response('mocked', { status })
        status = 200
        return response
      },
    })
    expect((await fetch(`${resource.origin}/mocked`)).status).toBe(200)
    expect(mocked.calls.filter((call) => call.includes('mocked'))).toHaveLength(2)
    for (const odd of [{ status: 200 }, { status: 401, headers: {} }, undefined]) {
      globalThis.fetch = (async () => odd) as never
      expect(await mcaAuth({ origins: 'https://a.example.com', ...server.appId })('https://b.example.com')).toBe(odd)
    }
  })

  it('may be ours, also beneath a mock or a wrapper, or on top of another one of ours', async () => {
    const one = mcaAuth({ ...server.appId, origins: resource.origin })
    globalThis.fetch = one
    expect((await fetch(resource.origin)).status).toBe(200)
    using mocked = mock({})
    for (const url of [resource.origin, 'data:text/plain,x']) {
      for (const _ of [1, 2]) expect((await fetch(url)).status).toBe(200)
    }
    expect((await one(`${resource.origin}/directly`)).status).toBe(200)
    globalThis.fetch = mcaAuth({ ...server.appId, origins: 'https://another.example.com' })
    expect((await fetch(resource.origin)).status).toBe(200)
    expect(resource.received.every(({ headers }) => headers.authorization?.startsWith('Bearer ey'))).toBe(true)
    expect(resource.received).toHaveLength(5)
    expect(mocked.calls.length).toBeLessThan(30)
  })

  it('still gets URLs without an origin, and its errors are kept', async () => {
    const fetch = mcaAuth(server.appId)
    const blob = URL.createObjectURL(new Blob(['blob']))
    expect(await (await fetch(blob)).text()).toBe('blob')
    const wrong: unknown[][] = [['/relative'], [null], [resource.origin, 5], [resource.origin, { method: 'a b' }]]
    wrong.push(['http://user:fake@127.0.0.1/'], [Object.create(null)], [resource.origin, { headers: 'x' }])
    for (const call of wrong) {
      const [bare, ours] = [native, fetch].map(async (one) =>
        (one as (...call: unknown[]) => Promise<unknown>)(...call),
      )
      const [expected, error] = [await failure(bare as Promise<unknown>), await failure(ours as Promise<unknown>)]
      expect(String(error), inspect(call)).toBe(String(expected))
    }
    expect(resource.received).toEqual([])
  })
})

describe('two mcaAuth() on one fetch', () => {
  const passing =
    (fetch: Fetch): Fetch =>
    (input, init) =>
      fetch(input, { ...init })
  const outer = (options: object, between = (fetch: Fetch) => fetch) => {
    const inner = mcaAuth({ ...server.appId, scope: 'inner' })
    return mcaAuth({ ...server.appId, scope: 'outer', ...options }, { fetch: between(inner) })
  }

  it('let the outer one decide, even to send no token, and even if a layer between them copies `init`', async () => {
    const origins = resource.origin
    for (const between of [undefined, passing]) {
      await outer({ origins }, between)(resource.origin)
      expect(claimsOf(resource.received.at(-1)?.headers.authorization).scope).toBe('appid_default outer')
      const headers = { authorization: 'Custom mine' }
      const bare: Promise<Response>[] = [
        outer({ origins, tokenRequest: () => false }, between)(resource.origin),
        forwardIncoming({ headers: {} }, () => outer({ origins, incoming: 'forward' }, between)(resource.origin)),
        outer({ origins }, between)(resource.origin, { headers }),
      ]
      await Promise.all(bare)
      const sent = resource.received.slice(-3).map((request) => request.headers.authorization)
      expect(sent.sort()).toEqual(['Custom mine', undefined, undefined])
    }
  })

  it('let the inner one decide for an origin that the outer one does not list, over redirects too', async () => {
    await using away = await startRecorder((_request, response) => response.end('away'))
    await using home = await startRecorder((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${away.port}/` }).end()
    })
    await outer({ origins: 'https://another.example.com' })(`http://127.0.0.1:${home.port}/`)
    expect(claimsOf(home.received[0]?.headers.authorization).scope).toBe('appid_default inner')
    expect(away.received[0]?.headers.authorization).toBeUndefined()
  })
})

describe('ky as the given fetch, which throws for a status', () => {
  const fetch = () => mcaAuth(server.appId, { fetch: ky.extend({ retry: 0 }) as unknown as Fetch })

  it('gets the request resent, and its redirects followed', async () => {
    await fetch()(resource.origin)
    const ours = fetch()
    await ours(resource.origin)
    server.revokeAll()
    expect((await ours(resource.origin, { method: 'POST', body: 'x' })).status).toBe(200)
    await using home = await startRecorder((request, response) => {
      if (request.url === '/end') response.end('end')
      else response.writeHead(302, { location: '/end' }).end()
    })
    expect(await (await ours(`http://127.0.0.1:${home.port}/`)).text()).toBe('end')
  })

  it('keeps its error, which shows no token', async () => {
    await using teapot = await startRecorder((_request, response) => response.writeHead(418).end())
    const error = await fetch()(`http://127.0.0.1:${teapot.port}/`).catch((reason) => reason)
    expect([error.name, error.response.status]).toEqual(['HTTPError', 418])
    expect(error.request.headers.get('authorization')).toMatch(/^Bearer ey/)
    expect(inspect(error, { depth: Number.POSITIVE_INFINITY })).not.toContain('eyJ')
  })
})

it('a call without an available token rejects with our own error and its code', async () => {
  const fetch = mcaAuth({ ...server.appId, secret: 'wrong-fake-secret' }, { fetch: native })
  const error = await fetch(resource.origin).catch((reason) => reason)
  expect(error).toBeInstanceOf(McaAuthError)
  expect(error.code).toBe('TOKEN_REQUEST_REFUSED')
  expect(resource.received).toEqual([])
})
