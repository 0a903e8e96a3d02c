// Nothing that a program may print contains a token.
import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { inspect } from 'node:util'
import { mcaAuth } from '@mca-auth/got'
import type { Got, RequestError, Response } from 'got'
import { generate } from 'selfsigned'
import { describe, expect, it } from 'vitest'
import { refused } from '../servers/refused.ts'
import { failure } from './contract.ts'
import { useFixture } from './got-fixture.ts'
import { gots } from './versions.ts'

describe.each(Object.entries(await gots()))('secrets stay in, got %s', (version, got: Got) => {
  const at = useFixture()
  const api = (): Got =>
    got.extend({ retry: { limit: 0 }, https: { rejectUnauthorized: false } }, mcaAuth(at.server.appId))

  function slow(): void {
    at.atHome = () => ({ delayMs: 60_000, body: 'late' })
  }
  const received = () => expect.poll(() => at.home.received.length).toBeGreaterThan(0)

  it('in a response, its request, their options and sockets', async () => {
    const client = api()
    hasNoToken(await client(at.home.origin), ['request', 'req', 'socket'])
    at.server.revokeAll()
    hasNoToken(await client(at.home.origin), ['request', 'req', 'socket'])
    at.atHome = ({ path }) => (path === '/start' ? { status: 302, headers: { location: '/end' } } : undefined)
    hasNoToken(await client(`${at.home.origin}/start`), ['request'])
    at.atHome = () => ({ headers: { 'cache-control': 'public, max-age=100' }, body: 'ok' })
    const cached = client.extend({ cache: new Map() as never })
    hasNoToken(await cached(at.home.origin), ['request', 'req'])
    const second = await cached(at.home.origin)
    expect(second.isFromCache).toBe(true)
    hasNoToken(second, ['request'])
  })

  it('in what hooks see', async () => {
    const seen: unknown[] = []
    const see = (value: unknown): never => {
      seen.push(value, inspect(value, everything))
      return value as never
    }
    const hooks = { beforeRedirect: [see], beforeRetry: [see], beforeError: [see], afterResponse: [see] }
    at.atHome = ({ path }) => (path === '/start' ? { status: 302, headers: { location: '/end' } } : { status: 503 })
    const calculateDelay = ({ attemptCount }: { attemptCount: number }) => (attemptCount === 1 ? 1 : 0)
    const client = got.extend({ retry: { calculateDelay }, hooks }, mcaAuth(at.server.appId), { hooks })
    await failure(client(`${at.home.origin}/start`))
    expect(seen.length).toBeGreaterThanOrEqual(2 * 2 * 5)
    for (const value of seen) hasNoToken(value, [])
  })

  it('in the error of a bad status, a body that is not JSON, and a connection that is refused', async () => {
    const client = api()
    at.atHome = ({ path }) => (path === '/teapot' ? { status: 418 } : { body: '<html>' })
    hasNoToken(await failure(client(`${at.home.origin}/teapot`)), ['request', 'response'])
    hasNoToken(await failure(client(at.home.origin).json()), ['request', 'response'])
    hasNoToken(await failure(client(at.home.origin, { responseType: 'json' })), ['request', 'response'])
    hasNoToken(await failure(client(refused)), ['request'])
  })

  it('in the error of a header that Node.js rejects', async () => {
    hasNoToken(await failure(api()(at.home.origin, { headers: { 'x-bad': 'a\nb' } })), ['request'])
    expect(at.server.tokenRequests).toBe(1)
  })

  it.each(['timeout', 'signal', 'cancel'])('in the error of a request that its %s ends', async (by) => {
    slow()
    const controller = new AbortController()
    const options = { signal: controller.signal, ...(by === 'timeout' && { timeout: { response: 100 } }) }
    const call = api()(at.home.origin, options)
    const error = failure(call)
    await received()
    if (by === 'signal') controller.abort()
    if (by === 'cancel' && version === '14') call.cancel()
    else if (by === 'cancel') controller.abort(new DOMException('too late', 'TimeoutError'))
    hasNoToken(await error, ['request'])
    expect((await error) as RequestError).toHaveProperty('options.headers')
  })

  it('in the error of a request that ends while its token is awaited', async () => {
    at.server.script({ hang: 'headers' })
    const controller = new AbortController()
    const error = failure(api()(at.home.origin, { signal: controller.signal }))
    await expect.poll(() => at.server.tokenRequests).toBe(1)
    controller.abort()
    expect(((await error) as Error).name).toBe('AbortError')
    hasNoToken(await error, ['request'])
  })

  it('in a stream, its response and its error', async () => {
    at.atHome = ({ path }) => (path === '/teapot' ? { status: 418 } : undefined)
    const stream = api().stream(at.home.origin)
    const [response] = (await once(stream, 'response')) as [Response]
    hasNoToken(response, ['request', 'req', 'socket'])
    await stream.toArray()
    hasNoToken(stream, ['options', 'response'])
    const failing = api().stream(`${at.home.origin}/teapot`)
    hasNoToken(await failure(failing.toArray()), ['request', 'response'])
    hasNoToken(failing, ['options'])
  })

  it.each(['TLS', 'HTTP/2'])(
    'in a response over %s, whose socket keeps the options it was opened with',
    async (how) => {
      const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 })
      const server: Server = how === 'TLS' ? createServer({ key, cert }) : createSecureServer({ key, cert })
      const carried: boolean[] = []
      server.on('request', (request, response) => {
        carried.push('authorization' in request.headers)
        response.end('secure')
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      try {
        const url = `https://localhost:${(server.address() as AddressInfo).port}/`
        hasNoToken(await api()(url, { http2: how === 'HTTP/2' }), ['request', 'req', 'socket'])
        expect(carried).toEqual([true])
      } finally {
        server.close()
      }
    },
  )
})

const everything = { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null } as const

/** Fails if this value shows a token, or the values of its properties with these names do. */
function hasNoToken(value: unknown, names: string[]): void {
  const parts = names.flatMap((name) => (value as Record<string, unknown>)[name] ?? [])
  for (const part of [value, ...parts]) {
    const seen = new Set<unknown>()
    const json = JSON.stringify(part, (_key, inner) => {
      if (typeof inner !== 'object' || inner === null) return inner
      return seen.has(inner) ? undefined : seen.add(inner) && inner
    })
    expect(inspect(part, everything)).not.toMatch(/eyJ/)
    expect(`${part} ${(part as Error).stack} ${json}`).not.toMatch(/eyJ/)
  }
}
