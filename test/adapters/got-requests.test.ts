// One request from start to end: which token it carries over retries and redirects, and how it fails.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { forwardIncoming, McaAuthError } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/got'
import type { Got } from 'got'
import { describe, expect, it } from 'vitest'
import { bearer, failure } from './contract.ts'
import { asked, retries, useFixture } from './got-fixture.ts'
import { gots } from './versions.ts'

describe.each(Object.entries(await gots()))('one request, got %s', (_version, got: Got) => {
  const at = useFixture()
  const ours = () => mcaAuth(at.server.appId)

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

  it('treats a request that a hook starts for another user as a new request', async () => {
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

  it('fails with a RequestError that has our code and is not retried', async () => {
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

  it('reports on the channel why a request goes without a token', async () => {
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

  it('carries no token to the unlisted origin of a redirect, not even on its retry', async () => {
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
