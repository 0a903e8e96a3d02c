// Hooks, handlers and a second mcaAuth() around ours, in the orders in which programs register them.
import { Readable } from 'node:stream'
import { forwardIncoming } from '@mca-auth/core'
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

    it('sends no token to another origin that a hook chooses', async () => {
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

    it('attaches even if a hook replaces the context', async () => {
      const replace = (options: { context: object }) => {
        options.context = { mine: 1 }
      }
      const client = api({ hooks: { beforeRequest: [replace] } })
      await client(at.home.origin)
      at.server.revokeAll()
      expect((await client(at.home.origin)).statusCode).toBe(200)
    })

    it('gives precedence to the Authorization of a hook, and replaces nothing if it is rejected', async () => {
      const set = (options: { headers: Record<string, unknown> }) => {
        options.headers.authorization = 'Custom mine'
      }
      const error = (await failure(api({ hooks: { beforeRequest: [set] } })(at.home.origin))) as { code: string }
      expect(error.code).toBe('ERR_NON_2XX_3XX_RESPONSE')
      expect(at.home.received.map(({ headers }) => headers.authorization)).toEqual(['Custom mine'])
      expect(at.server.tokenRequests).toBe(0)
    })

    it('resends even if a hook throws for every 401, or retries by itself', async () => {
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

    it('ignores a response that a hook made up', async () => {
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

    it('the second one decides for the origins that only it lists', async () => {
      await forwardIncoming({ headers: {} }, () => got.extend(first(), ours())(at.away.origin))
      expect(asked(at.away)).toEqual([['/', true]])
    })

    it('one that is registered twice counts once', async () => {
      const twice = ours()
      const client = got.extend(twice, twice)
      await client(at.home.origin)
      at.server.revokeAll()
      expect((await client(at.home.origin)).statusCode).toBe(200)
      expect(at.home.received).toHaveLength(3)
    })
  })
})
