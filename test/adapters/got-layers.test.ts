// Hooks, handlers, retries and a second mcaAuth() around ours, in the orders in which programs register them.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Readable } from 'node:stream'
import { forwardIncoming, McaAuthError } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/got'
import type { ExtendOptions, Got, HandlerFunction, HTTPError } from 'got'
import { describe, expect, it } from 'vitest'
import { accept, bearer, failure } from './contract.ts'
import { asked, retries, useFixture } from './got-fixture.ts'
import { gots } from './versions.ts'

describe.each(Object.entries(await gots()))('among other layers, got %s', (_version, got: Got) => {
  const at = useFixture()
  const ours = () => mcaAuth(at.server.appId)

  describe.each(['before', 'after'])('with a layer that is registered %s ours', (order) => {
    const api = (layer: ExtendOptions): Got => {
      const base = got.extend({ retry: { limit: 0 } })
      return order === 'before' ? base.extend(layer, ours()) : base.extend(ours(), layer)
    }

    it('sends no token to the origin to which a hook leads the request', async () => {
      const lead = (options: { url?: unknown }) => {
        options.url = new URL(`${at.away.origin}/led`)
      }
      await api({ hooks: { beforeRequest: [lead] } })(at.home.origin)
      const add = ((options, next) => {
        options.hooks.beforeRequest.push(lead)
        return next(options)
      }) as HandlerFunction
      await api({ handlers: [add] })(at.home.origin)
      at.atHome = () => ({ status: 302, headers: { location: '/same' } })
      await api({ hooks: { beforeRedirect: [lead] } })(at.home.origin)
      expect(asked(at.away)).toEqual([
        ['/led', false],
        ['/led', false],
        ['/led', false],
      ])
    })

    it('attaches although a hook replaces the context', async () => {
      const replace = (options: { context: object }) => {
        options.context = { mine: 1 }
      }
      const client = api({ hooks: { beforeRequest: [replace] } })
      await client(at.home.origin)
      at.server.revokeAll()
      expect((await client(at.home.origin)).statusCode).toBe(200)
    })

    it('lets the Authorization of a hook win, and replaces nothing if it is rejected', async () => {
      const set = (options: { headers: Record<string, unknown> }) => {
        options.headers.authorization = 'Custom mine'
      }
      const error = (await failure(api({ hooks: { beforeRequest: [set] } })(at.home.origin))) as { code: string }
      expect(error.code).toBe('ERR_NON_2XX_3XX_RESPONSE')
      expect(at.home.received.map(({ headers }) => headers.authorization)).toEqual(['Custom mine'])
      expect(at.server.tokenRequests).toBe(0)
    })

    it('resends although a hook throws for every 401, or retries by itself', async () => {
      const client = api({
        hooks: {
          afterResponse: [
            (response, retry) => {
              if (response.statusCode === 401) throw new Error('a 401')
              return response.statusCode === 503 ? retry({ headers: { 'x-again': '1' } }) : response
            },
          ],
        },
      })
      await client(at.home.origin)
      at.server.revokeAll()
      expect((await client(at.home.origin)).statusCode).toBe(200)
      at.server.revokeAll()
      const statuses = [503]
      at.atHome = () => (statuses.length > 0 ? { status: statuses.shift() as number } : undefined)
      expect((await client(at.home.origin)).statusCode).toBe(200)
      expect(at.server.tokenRequests).toBe(3)
    })

    it('keeps out of a response that a hook made up', async () => {
      const madeUp = () => Object.assign(Readable.from(['made up']), { statusCode: 401, headers: bearer })
      const client = api({ hooks: { beforeRequest: [() => madeUp() as never] } })
      const error = (await failure(client(at.home.origin))) as HTTPError
      expect(error.response.body).toBe('made up')
      expect(at.server.tokenRequests).toBe(0)
      at.atHome = () => ({ status: 503 })
      let calls = 0
      const second = api({ hooks: { beforeRequest: [() => (calls++ === 0 ? undefined : (madeUp() as never))] } })
      await failure(second.extend({ retry: retries })(at.home.origin))
      expect([calls, at.home.received.length, at.server.tokenRequests]).toEqual([2, 1, 1])
    })
  })

  it('gives each of 40 concurrent users their own token, through retries after 503', async () => {
    const seen = new Set<string>()
    at.atHome = ({ path, headers }) => {
      const first = !seen.has(path)
      seen.add(path)
      return first ? { status: 503, headers: { 'retry-after': '0' } } : { body: String(headers.authorization) }
    }
    const client = got.extend(
      { retry: retries },
      mcaAuth({ ...at.server.appId, origins: at.home.origin, incoming: 'forward' }),
    )
    const users = Array.from({ length: 40 }, (_, i) => (i % 4 === 3 ? undefined : `Bearer user-${i}`))
    const bodies = await Promise.all(
      users.map((authorization, i) => {
        const headers = authorization === undefined ? {} : { authorization }
        return forwardIncoming({ headers }, () => client(`${at.home.origin}/${i}`).text())
      }),
    )
    expect(bodies).toEqual(users.map(String))
    expect(at.home.received).toHaveLength(80)
    expect(at.server.tokenRequests).toBe(0)
  })

  it('begins a request anew that a hook starts for somebody else', async () => {
    at.atHome = ({ path, headers }) =>
      path === '/outer' && at.home.received.length === 1 ? { status: 503 } : { body: String(headers.authorization) }
    const bob = () =>
      forwardIncoming({ headers: { authorization: 'Bearer bob' } }, () => client(`${at.home.origin}/bob`))
    const nested: string[] = []
    const client = got.extend(
      { retry: retries },
      mcaAuth({ ...at.server.appId, origins: at.home.origin, incoming: 'forward' }),
      { hooks: { beforeRetry: [async () => void nested.push((await bob()).body)] } },
    )
    const call = () => client(`${at.home.origin}/outer`).text()
    expect(await forwardIncoming({ headers: { authorization: 'Bearer alice' } }, call)).toBe('Bearer alice')
    expect(nested).toEqual(['Bearer bob'])
  })

  describe('of two mcaAuth()', () => {
    const first = () => mcaAuth({ ...at.server.appId, origins: at.home.origin, incoming: 'forward' as const })
    const copy: HandlerFunction = (options, next) =>
      next(new (options.constructor as never as Copy)(undefined, undefined, options))
    type Copy = new (...parameters: unknown[]) => typeof options
    const options = got.defaults.options

    it.each(['in one call', 'in two', 'with a handler in between'])('the first decides, extended %s', async (how) => {
      at.atHome = accept
      const client = {
        'in one call': () => got.extend(first(), ours()),
        'in two': () => got.extend(first()).extend(ours()),
        'with a handler in between': () => got.extend(first(), { handlers: [copy] }, ours()),
      }[how] as () => Got
      await forwardIncoming({ headers: {} }, () => client()(at.home.origin))
      expect(asked(at.home)).toEqual([['/', false]])
    })

    it('the second one decides about the origins of its own', async () => {
      await forwardIncoming({ headers: {} }, () => got.extend(first(), ours())(at.away.origin))
      expect(asked(at.away)).toEqual([['/', true]])
    })

    it('one that is registered twice is one', async () => {
      const twice = ours()
      const client = got.extend(twice, twice)
      await client(at.home.origin)
      at.server.revokeAll()
      expect((await client(at.home.origin)).statusCode).toBe(200)
      expect(at.home.received).toHaveLength(3)
    })
  })

  it('fails with a RequestError that tells our code and is not retried', async () => {
    const client = got.extend({ retry: retries }, mcaAuth({ ...at.server.appId, secret: 'wrong-fake-secret' }))
    for (const call of [() => client(at.home.origin), () => client.stream(at.home.origin).toArray()]) {
      const error = (await failure(call())) as Error & { code: string }
      expect(error.name).toBe('RequestError')
      expect(error.cause).toBeInstanceOf(McaAuthError)
      expect(error.code).toBe((error.cause as McaAuthError).code)
    }
    expect(at.home.received).toEqual([])
    expect(at.server.tokenRequests).toBe(1)
  })

  it('says on the channel why a request goes without a token', async () => {
    const told: unknown[] = []
    const listen = (message: unknown) => told.push(message)
    subscribe('mca-auth:request:skipped', listen)
    try {
      at.atHome = ({ path }) => (path === '/leave' ? { status: 302, headers: { location: at.away.origin } } : undefined)
      await got.extend(ours())(`${at.home.origin}/leave`)
      await got.extend(mcaAuth({ ...at.server.appId, origins: at.home.origin }))(at.away.origin)
      await got.extend(ours())(at.away.origin, { username: 'user', password: 'fake' })
      const origin = at.away.origin
      expect(told).toEqual(
        ['origin-left', 'origin-not-listed', 'own-authorization'].map((reason) => ({ client: 'got', origin, reason })),
      )
    } finally {
      unsubscribe('mca-auth:request:skipped', listen)
    }
  })

  it('ends the wait for a token when the caller aborts', async () => {
    const controller = new AbortController()
    const given: (AbortSignal | undefined)[] = []
    const getToken = ({ signal }: { signal?: AbortSignal | undefined } = {}) => {
      given.push(signal)
      return new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    const client = got.extend(mcaAuth({ getToken } as never))
    const failed = failure(client(at.home.origin, { signal: controller.signal }))
    await expect.poll(() => given).toEqual([controller.signal])
    controller.abort()
    expect(((await failed) as Error).name).toBe('AbortError')
  })

  it('does not resend a POST after a redirect, only the hop that was rejected', async () => {
    at.atHome = ({ path, method, headers }) => {
      if (method === 'POST') return { status: 303, headers: { location: '/orders/1' } }
      return path === '/orders/1' && headers.authorization === rejected ? { status: 401, headers: bearer } : undefined
    }
    const client = got.extend(ours())
    await client(at.home.origin)
    const rejected = at.home.received[0]?.headers.authorization
    expect((await client.post(`${at.home.origin}/orders`, { json: {} })).statusCode).toBe(200)
    expect(at.home.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /',
      'POST /orders',
      'GET /orders/1',
      'GET /orders/1',
    ])
  })

  it('carries no token to a stranger that a redirect leads to, not on its retry either', async () => {
    at.atHome = () => ({ status: 307, headers: { location: `${at.away.origin}/away` } })
    const statuses = [503, 200]
    at.atAway = () => ({ status: statuses.shift() as number })
    await got.extend({ retry: retries }, ours())(at.home.origin)
    expect(asked(at.away)).toEqual([
      ['/away', false],
      ['/away', false],
    ])
  })
})
