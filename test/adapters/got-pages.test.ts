// Options of an earlier request that got uses again for pages, or a program passes again.
import { forwardIncoming } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/got'
import type { Got, HTTPError, Response } from 'got'
import { describe, expect, it } from 'vitest'
import { failure } from './contract.ts'
import { asked, useFixture } from './got-fixture.ts'
import { gots } from './versions.ts'

describe.each(Object.entries(await gots()))('pages and options that are passed again, got %s', (_version, got: Got) => {
  const at = useFixture()
  const api = (): Got => got.extend({ retry: { limit: 0 } }, mcaAuth(at.server.appId))

  /** `home/1` links to `away/2`, which links to `home/3`. */
  function link(): void {
    at.atHome = ({ path }) => ({
      body: [path],
      ...(path === '/1' && { headers: { link: next(`${at.away.origin}/2`) } }),
    })
    at.atAway = ({ path }) => ({ body: [path], headers: { link: next(`${at.home.origin}/3`) } })
  }
  const next = (url: string) => `<${url}>; rel="next"`
  const json = { responseType: 'json' } as const

  it('sends no token to the next page of another origin', async () => {
    link()
    expect(await all(api().paginate(`${at.home.origin}/1`, json))).toEqual(['/1', '/2', '/3'])
    expect(asked(at.away)).toEqual([['/2', false]])
    expect(asked(at.home)).toEqual([
      ['/1', true],
      ['/3', true],
    ])
  })

  it('nor if the call has its own context and hooks, and each page another context', async () => {
    link()
    const options = {
      ...json,
      context: { page: 1 },
      hooks: { init: [], beforeRequest: [() => {}] },
      pagination: {
        transform: (response: Response<unknown>) => [response.url],
        paginate: ({ response }: { response: Response<unknown> }) => {
          const [, url] = /<(.*)>/.exec(String(response.headers.link ?? '')) ?? []
          return url ? { url: new URL(url), context: { page: 2 }, headers: { 'x-page': url } } : (false as const)
        },
      },
    }
    expect(await all(api().paginate(`${at.home.origin}/1`, options))).toHaveLength(3)
    expect(asked(at.away)).toEqual([['/2', false]])
    expect(asked(at.home).map(([, carried]) => carried)).toEqual([true, true])
  })

  it('nor if `paginate` changes the options of the last response and returns them', async () => {
    link()
    const pagination = {
      transform: (response: Response<unknown>) => [response.url],
      paginate: ({ response }: { response: Response<unknown> }) => {
        const [, url] = /<(.*)>/.exec(String(response.headers.link ?? '')) ?? []
        if (url === undefined) return false as const
        response.request.options.url = new URL(url)
        return response.request.options
      },
    }
    expect(await all(api().paginate(`${at.home.origin}/1`, { ...json, pagination }))).toHaveLength(3)
    expect(asked(at.away)).toEqual([['/2', false]])
    expect(asked(at.home).map(([, carried]) => carried)).toEqual([true, true])
  })

  it('sends it to every page of a listed origin, even after a page of another origin', async () => {
    link()
    const origins = [at.home.origin, at.away.origin]
    const client = got.extend(mcaAuth({ ...at.server.appId, origins }))
    await all(client.paginate(`${at.home.origin}/1`, json))
    expect(asked(at.away)).toEqual([['/2', true]])
    await all(api().paginate(`${at.away.origin}/1`, { ...json, pagination: { requestLimit: 2 } }))
    expect(asked(at.away).at(-1)).toEqual(['/1', true])
    expect(asked(at.home).at(-1)).toEqual(['/3', false])
  })

  it('allows only the origin of `prefixUrl`, for every page and every absolute URL', async () => {
    link()
    const client = api().extend({ prefixUrl: at.home.origin })
    await all(client.paginate('1', json))
    expect(asked(at.away)).toEqual([['/2', false]])
    await client(new URL(`${at.away.origin}/absolute`))
    expect(asked(at.away).at(-1)).toEqual(['/absolute', false])
    await client('relative')
    expect(asked(at.home).at(-1)).toEqual(['/relative', true])
  })

  it('keeps the pages of two callers apart', async () => {
    link()
    const client = api()
    const [one, other] = await Promise.all([
      all(client.paginate(`${at.home.origin}/1`, json)),
      all(client.paginate(`${at.away.origin}/1`, { ...json, pagination: { requestLimit: 1 } })),
    ])
    expect([one, other]).toEqual([['/1', '/2', '/3'], ['/1']])
    expect(Object.fromEntries(asked(at.away))).toEqual({ '/1': true, '/2': false })
  })

  it("does not mistake an old token for the caller's own header if options of an earlier request are passed again", async () => {
    const client = api()
    const { options } = (await client(at.home.origin)).request
    at.atHome = ({ path }) => (path === '/teapot' ? { status: 418 } : undefined)
    const failed = ((await failure(client(`${at.home.origin}/teapot`))) as HTTPError).options
    at.server.revokeAll()
    expect((await client(`${at.home.origin}/headers`, { headers: { ...options.headers } })).statusCode).toBe(200)
    at.server.revokeAll()
    expect((await again(client)(`${at.home.origin}/options`, undefined, options)).statusCode).toBe(200)
    at.server.revokeAll()
    expect((await again(client)(`${at.home.origin}/failed`, undefined, failed)).statusCode).toBe(200)
    at.server.revokeAll()
    expect((await client.extend(options)(`${at.home.origin}/extended`)).statusCode).toBe(200)
  })

  it("does not send the incoming token of an aborted request with another user's request that has the same options", async () => {
    at.atHome = ({ path, headers }) =>
      path === '/alice' ? { delayMs: 60_000 } : { body: String(headers.authorization) }
    const client = got.extend(mcaAuth({ ...at.server.appId, origins: at.home.origin, incoming: 'forward' }))
    const as = <T>(user: string, call: () => T) =>
      forwardIncoming({ headers: { authorization: `Bearer ${user}` } }, call)
    const controller = new AbortController()
    const aborted = as('alice', () => failure(client(`${at.home.origin}/alice`, { signal: controller.signal })))
    await expect.poll(() => at.home.received.length).toBe(1)
    controller.abort()
    const { options } = (await aborted) as HTTPError
    options.signal = new AbortController().signal
    const response = await as('bob', () => again(client)(`${at.home.origin}/bob`, undefined, options))
    expect(response.body).toBe('Bearer bob')
  })

  it('does not authorize requests of a plain client that gets these options', async () => {
    at.atHome = () => ({ body: 'ok' })
    const { options } = (await api()(at.home.origin)).request
    await again(got)(`${at.home.origin}/plain`, undefined, options)
    expect(asked(at.home).at(-1)).toEqual(['/plain', false])
  })
})

/** got's own `paginate.all()` needs Node.js 22. */
async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of pages) items.push(item)
  return items
}

/** Called by `got.paginate()`, and by some programs: it is not in got's types. */
function again(client: Got): (url: string, options: undefined, defaults: object) => Promise<Response> {
  return client as never
}
