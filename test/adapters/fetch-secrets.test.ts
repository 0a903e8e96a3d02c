// Errors and responses of a given fetch that pass through the adapter: they may carry the request.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { type Fetch, mcaAuth } from '@mca-auth/fetch'
import axios from 'axios'
import { describe, expect, it } from 'vitest'
import { provide, resource, server } from '../servers/app-id.ts'
import { bearer, failure } from './contract.ts'

type Sent = { headers: Headers; all: unknown }

/** A fetch that does something with the request. */
const given = (use: (sent: Sent) => unknown) =>
  (async (input: string, init: RequestInit) =>
    use({ headers: new Headers(init.headers), all: { input, init } })) as Fetch

const tokenIn = ({ headers }: Sent) => headers.get('authorization') ?? ''

/** Every way to print it. */
function printed(value: unknown): string {
  const all = { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null }
  const { stack, message } = value as Error
  let json: string
  try {
    json = JSON.stringify(value)
  } catch {
    json = 'circular'
  }
  return [inspect(value), inspect(value, all), String(value), json, stack, message].join('\n')
}

class Frozen extends Error {
  readonly request: unknown
  constructor(request: unknown) {
    super('frozen')
    this.request = request
    Object.freeze(this)
  }
}

describe('an error of a given fetch', () => {
  it.each<[string, (sent: Sent) => unknown]>([
    ['in a property', (sent) => Object.assign(new Error('no'), { request: sent.all, code: 'EFAKE' })],
    ['far down in a property', (sent) => Object.assign(new Error('no'), { a: { b: [{ c: new Map([['d', sent]]) }] } })],
    ['in Headers', ({ headers }) => Object.assign(new TypeError('no'), { options: { headers } })],
    ['in its message', (sent) => new Error(`could not send ${tokenIn(sent)}`)],
    ['in its cause', (sent) => new Error('no', { cause: Object.assign(new Error('inner'), { config: sent.all }) })],
    ['in a plain cause', (sent) => new Error('no', { cause: { request: sent.all } })],
    ['in one of its errors', (sent) => new AggregateError([Object.assign(new Error('inner'), { sent: sent.all })])],
    ['in its JSON', (sent) => Object.assign(new Error('no'), { toJSON: () => ({ token: tokenIn(sent) }) })],
    ['and is frozen', (sent) => new Frozen(sent.all)],
    ['and is not an Error', (sent) => ({ request: sent.all })],
    ['and is a string', (sent) => `failed: ${tokenIn(sent)}`],
  ])('that carries the request %s shows no token', async (_name, make) => {
    const fetch = mcaAuth(provide(), {
      fetch: given((sent) => {
        throw make(sent)
      }),
    })
    const error = await failure(fetch(resource.origin))
    expect(printed(error)).not.toContain('eyJ')
  })

  it('is the same object, with all its properties', async () => {
    const thrown = Object.assign(new RangeError('no'), { code: 'EFAKE', request: {} })
    const fetch = mcaAuth(provide(), {
      fetch: given((sent) => {
        throw Object.assign(thrown, { request: sent.all })
      }),
    })
    expect(await failure(fetch(resource.origin))).toBe(thrown)
    expect(thrown).toMatchObject({ name: 'RangeError', code: 'EFAKE', request: { input: resource.origin } })
  })

  it("is the caller's own reason after an abort, untouched", async () => {
    const reason = Object.freeze(new Error('Bearer eyJ is what I say'))
    const controller = new AbortController()
    const fetch = mcaAuth(provide(), {
      fetch: given(() => {
        controller.abort(reason)
        throw controller.signal.reason
      }),
    })
    expect(await failure(fetch(resource.origin, { signal: controller.signal }))).toBe(reason)
  })

  it('of axios as a fetch shows no token, and its 401 causes a resend', async () => {
    const viaAxios = (async (url: string, { headers, method = 'get', body }: RequestInit) => {
      const { data, status } = await axios({ url, method, data: body, headers } as object)
      return new Response(JSON.stringify(data), { status })
    }) as Fetch
    const provider = provide()
    await provider.getToken()
    server.revokeAll()
    const fetch = mcaAuth(provider, { fetch: viaAxios })
    expect((await fetch(resource.origin)).status).toBe(200)
    server.script({ status: 401, body: { error: 'invalid_client' } })
    server.revokeAll()
    const error = await failure(fetch(`${resource.origin}/again`))
    expect(error).toBeInstanceOf(axios.AxiosError)
    expect(printed(error)).not.toContain('eyJ')
  })
})

describe('a response of a given fetch', () => {
  it('that carries the request, like those of gaxios, shows no token', async () => {
    const fetch = mcaAuth(provide(), {
      fetch: given((sent) => Object.assign(new Response('ok'), { config: sent.all })),
    })
    const response = await fetch(resource.origin)
    expect(printed(response)).not.toContain('eyJ')
    expect(response).toHaveProperty('config.input', resource.origin)
  })

  it.each<[string, object, object]>([
    ['node-fetch-cache', { returnedFromCache: true }, {}],
    ['an older node-fetch-cache', { fromCache: true }, {}],
    ['make-fetch-happen', {}, { 'x-local-cache-status': 'hit' }],
  ])('from the cache of %s does not cause the token to be replaced', async (_name, fields, headers) => {
    const provider = provide()
    const cached = () => Object.assign(new Response('no', { status: 401, headers: { ...bearer, ...headers } }), fields)
    expect((await mcaAuth(provider, { fetch: given(cached) })(resource.origin)).status).toBe(401)
    expect(server.tokenRequests).toBe(1)
  })

  it('that is read through a clone meanwhile does not prevent the resend', async () => {
    const provider = provide()
    await provider.getToken()
    server.revokeAll()
    const logged: Promise<string>[] = []
    const logging = async (input: Parameters<Fetch>[0], init?: RequestInit) => {
      const response = await globalThis.fetch(input, init)
      logged.push(response.clone().text())
      response.body?.getReader()
      return response
    }
    const { status } = await mcaAuth(provider, { fetch: logging as Fetch })(resource.origin)
    expect([status, await logged[0]]).toEqual([200, 'Unauthorized'])
  })
})

it('a call that passes without a token is reported with its reason', async () => {
  const reports: unknown[] = []
  const note = (message: unknown) => reports.push(message)
  subscribe('mca-auth:request:skipped', note)
  const headers = { authorization: 'Custom mine' }
  for (const options of [{ origins: 'https://another.example.com' }, { tokenRequest: () => false as const }, {}]) {
    await mcaAuth({ ...server.appId, ...options })(resource.origin, { headers })
    await mcaAuth({ ...server.appId, ...options }, { fetch: globalThis.fetch })(resource.origin, { headers })
  }
  unsubscribe('mca-auth:request:skipped', note)
  const reasons = ['origin-not-listed', 'own-authorization', 'own-authorization'].flatMap((reason) => [reason, reason])
  expect(reports).toEqual(reasons.map((reason) => ({ client: 'fetch', origin: resource.origin, reason })))
})
