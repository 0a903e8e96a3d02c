// Streams, bodies that change or fail while the token is awaited, caches and sockets.
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { mcaAuth } from '@mca-auth/got'
import type { Got, Request, RequestError } from 'got'
import { describe, expect, it } from 'vitest'
import { bearer, failure } from './contract.ts'
import { asked, retries, useFixture } from './got-fixture.ts'
import { gots } from './versions.ts'

describe.each(Object.entries(await gots()))('streams and bodies, got %s', (version, got: Got) => {
  const at = useFixture()
  const api = (): Got => got.extend({ retry: { limit: 0 } }, mcaAuth(at.server.appId))

  it.each([true, false])(
    'a rejected token of a stream is replaced for the next one, throwHttpErrors: %s',
    async (throws) => {
      const client = api().extend({ throwHttpErrors: throws })
      await text(client.stream(at.home.origin))
      at.server.revokeAll()
      const rejected = text(client.stream(at.home.origin))
      if (throws) expect(((await failure(rejected)) as RequestError).code).toBe('ERR_NON_2XX_3XX_RESPONSE')
      else expect(await rejected).toBe('Unauthorized')
      expect(await text(client.stream(at.home.origin))).toContain('GET')
      expect(at.server.tokenRequests).toBe(2)
    },
  )

  it('a stream that the caller retries carries a token again', async () => {
    const statuses = [503]
    at.atHome = () => (statuses.length > 0 ? { status: statuses.shift() as number } : undefined)
    const stream = got.extend({ retry: retries }, mcaAuth(at.server.appId)).stream(at.home.origin)
    const retried = new Promise<Request>((resolve) => {
      stream.once('retry', (_count, _error, again: () => Request) => resolve(again()))
    })
    stream.resume()
    expect(await text(await retried)).toContain('GET')
    expect(asked(at.home)).toEqual([
      ['/', true],
      ['/', true],
    ])
  })

  it('a missing file rejects the call while the token is awaited, and nothing is sent', async () => {
    at.server.script({ hang: 'headers' })
    const upload = (client: Got) => failure(client.post(at.home.origin, { body: createReadStream('/nonexistent') }))
    const [error, bare] = (await Promise.all([upload(api()), upload(got)])) as RequestError[]
    expect(error).toMatchObject({ name: 'UploadError', code: bare?.code, cause: { code: 'ENOENT' } })
    expect(at.home.received).toEqual([])
  })

  it('so does a body that is destroyed meanwhile', async () => {
    at.server.script({ hang: 'headers' })
    const body = new PassThrough()
    const failed = failure(api().post(at.home.origin, { body }))
    await expect.poll(() => at.server.tokenRequests).toBe(1)
    body.destroy()
    expect(await failed).toBeInstanceOf(Error)
    expect(at.home.received).toEqual([])
  })

  it('changes to a buffer or a URL while the token is awaited are not sent', async () => {
    at.server.delayMs = 100
    const body = Buffer.from('before')
    const url = new URL(`${at.home.origin}/before`)
    const call = api().post(url, { body })
    url.port = new URL(at.away.origin).port
    url.pathname = '/after'
    await expect.poll(() => at.server.tokenRequests).toBe(1)
    body.write('after!')
    expect(await call.json()).toMatchObject({ path: '/before', body: 'before' })
    expect(at.away.received).toEqual([])
  })

  it('a 401 from a cache does not reject the token', async () => {
    const headers = { ...bearer, 'cache-control': 'public, max-age=100' }
    at.atHome = () => ({ status: 401, headers, body: 'cached' })
    const client = api().extend({ cache: new Map() as never, throwHttpErrors: false })
    await client(at.home.origin)
    const before = [at.home.received.length, at.server.tokenRequests]
    const response = await client(at.home.origin)
    expect(response).toMatchObject({ statusCode: 401, isFromCache: true })
    expect([at.home.received.length, at.server.tokenRequests]).toEqual(before)
  })

  it('each Unix socket is an origin: a redirect carries the token only to the same one', async () => {
    const path = (name: string) => join(tmpdir(), `mca-auth-got-${version}-${name}-${process.pid}.sock`)
    const seen: [string, boolean][] = []
    const servers = ['one', 'two'].map((name) =>
      createServer(({ url = '', headers }, response) => {
        seen.push([name + url, 'authorization' in headers])
        const location = { '/same': '/end', '/other': `http://unix${path('two')}:/end` }[url]
        if (location !== undefined) response.writeHead(307, { location })
        response.end()
      }).listen(path(name)),
    )
    try {
      await Promise.all(servers.map((server) => server.listening || once(server, 'listening')))
      const client = api().extend({ enableUnixSockets: true })
      await client(`unix:${path('one')}:/direct`)
      await client('relative', { prefixUrl: `unix:${path('one')}:/` })
      // A location that begins with a slash leaves the socket, whose path it replaces.
      await client(`http://unix${path('one')}:/other`).catch(() => {})
      expect(seen.slice(0, 3)).toEqual([
        ['one/direct', true],
        ['one/relative', true],
        ['one/other', true],
      ])
      expect(seen.slice(3).every(([, carried]) => !carried)).toBe(true)
    } finally {
      for (const server of servers) server.close()
    }
  })
})
