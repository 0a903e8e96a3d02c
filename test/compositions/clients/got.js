// got, whose layers are options: `got.extend(a, b)` puts the hooks of b after those of a.
import { once } from 'node:events'
import { text as textOf } from 'node:stream/consumers'
import { mcaAuth } from '@mca-auth/got'
import { HttpsProxyAgent } from 'hpagent'
import { CookieJar } from 'tough-cookie'
import { overTls, startProxy } from '../front.js'
import { unansweredChallenge } from '../limits.js'
import { canMock, mocked, startMsw, startNock } from '../mocks.js'
import { leavingByHook, pages } from './got-steps.js'

/** Retries without a delay, as often as got would. */
const retry = { limit: 2, calculateDelay: ({ computedValue }) => (computedValue > 0 ? 1 : 0) }

/** Its HTTP/2 client sometimes loses a response on a busy machine, even without mca-auth. */
const overHttp2 = { prepare: overTls, flaw: /HTTP\/?2|pending stream/i }

export async function group(/** @type {string} */ name) {
  const { default: got } = await import(name)
  const rows = /** @type {any[]} */ ([
    row('got', 'got.extend(mcaAuth())', () => ({})),
    row('pagination', 'got.extend(mcaAuth()).paginate()', () => ({}), { only: [pages.id], steps: [pages] }),
    row('prefixUrl', 'got.extend({ prefixUrl }, mcaAuth())', ({ world }) => ({ prefixUrl: world.api })),
    ...inBothOrders('retry: { calculateDelay }', () => ({ retry })),
    ...inBothOrders('cache', () => ({ cache: new Map() })),
    ...inBothOrders('cookieJar', () => ({ cookieJar: new CookieJar() })),
    ...inBothOrders('http2', () => ({ http2: true }), overHttp2),
    ...inBothOrders('http2 + retry', () => ({ http2: true, retry }), overHttp2),
    ...inBothOrders('hpagent', hpagent, { prepare: overTls, packages: ['hpagent'] }),
    ...inBothOrders('a hook that replaces context', () => ({ hooks: { beforeRequest: [replaceContext] } })),
    ...inBothOrders('a hook that replaces context + retry', () => ({
      retry,
      hooks: { beforeRequest: [replaceContext] },
    })),
    ...inBothOrders('afterResponse with retryWithMergedOptions()', () => ({ hooks: { afterResponse: [again] } })),
    ...inBothOrders('a hook that sets url', leavingByHook.options, {
      only: [leavingByHook.step.id],
      steps: [leavingByHook.step],
    }),
    ...(canMock ? [mock('msw', startMsw), mock('nock', startNock)] : []),
    stream('throwHttpErrors: true', {}),
    stream('throwHttpErrors: false', { throwHttpErrors: false }),
    stream('retry', { retry, throwHttpErrors: false }),
  ])
  return {
    rows: rows.map(({ packages = [], ...rest }) => ({ ...rest, packages: [name, ...packages] })),
    auth: {
      bare: () => ({}),
      ours: mcaAuth,
      naive: (header) => ({
        hooks: {
          beforeRequest: [
            (options) => {
              options.headers.authorization = header()
            },
          ],
        },
      }),
    },
  }

  function row(layer, place, options, /** @type {any} */ more = {}) {
    return { layer, place, start: async (context) => client(instance(context.auth, await options(context))), ...more }
  }

  function mock(layer, start) {
    const options = async (/** @type {any} */ { world }) => void (await start(world))
    return row(layer, 'in place of the server', options, { ...mocked, packages: [layer] })
  }

  function instance(...all) {
    return got.extend({ retry: { limit: 0 } }, ...all.filter(Boolean))
  }

  function inBothOrders(layer, options, more = {}) {
    return [
      row(layer, 'got.extend(mcaAuth(), options)', options, more),
      {
        ...row(layer, 'got.extend(options, mcaAuth())', options, more),
        start: async (context) => client(instance(await options(context), context.auth)),
      },
    ]
  }

  function stream(place, options) {
    return {
      layer: 'got.stream()',
      place,
      start: ({ auth }) => streaming(instance(options, auth)),
      limits: {
        ...unansweredChallenge(
          'with `dpop`, a stream is not sent again: the next request has the nonce',
          'a stream is not sent again: the next request has more scope',
        ),
        replaces: {
          shows: /requests instead of|401 instead/,
          text: 'a stream is not sent again: the next request has a new token',
        },
      },
    }
  }
}

async function hpagent(/** @type {any} */ { world }) {
  return { agent: { https: new HttpsProxyAgent({ proxy: await startProxy(world) }) } }
}

function replaceContext(/** @type {any} */ options) {
  options.context = { replaced: true }
}

/** From got's documentation, which has it for a new token; here for a server that is busy. */
function again(/** @type {any} */ response, /** @type {(options: object) => any} */ retryWithMergedOptions) {
  return response.statusCode === 503 ? retryWithMergedOptions({ headers: { 'x-again': '1' } }) : response
}

/** Sends with promises, with every kind of callback that got has. */
function client(/** @type {any} */ got) {
  const call = (url, options = {}) => got(urlFor(got, url), { throwHttpErrors: false, ...options })
  const hook = (start) => (value) => {
    start()
    return value
  }
  return {
    got,
    async send(/** @type {string} */ url, /** @type {any} */ init = {}) {
      const { statusCode, body } = await call(url, init)
      return { status: statusCode, text: body }
    },
    callbacks: {
      'event "response"': async (url, start) => void (await call(url).on('response', start)),
      'event "downloadProgress"': async (url, start) => void (await call(url).on('downloadProgress', start)),
      'hook afterResponse': (url, start) => call(url, { hooks: { afterResponse: [hook(start)] } }),
      'data of a stream': (url, start) => streamed(got, url, 'data', start),
      'end of a stream': (url, start) => streamed(got, url, 'end', start),
    },
  }
}

/** An instance with a prefix accepts paths. */
function urlFor(/** @type {any} */ got, /** @type {string} */ url) {
  return got.defaults.options.prefixUrl ? new URL(url).pathname.slice(1) : url
}

async function streamed(
  /** @type {any} */ got,
  /** @type {string} */ url,
  /** @type {string} */ event,
  /** @type {() => void} */ start,
) {
  const stream = got.stream(urlFor(got, url), { throwHttpErrors: false })
  await once(stream.on(event, start).resume(), 'end')
}

/** Sends only with streams. */
function streaming(/** @type {any} */ got) {
  return {
    async send(/** @type {string} */ url, /** @type {any} */ init = {}) {
      const stream = got.stream(url, init)
      let status = 0
      stream.on('response', ({ statusCode }) => {
        status = statusCode
      })
      try {
        return { text: await textOf(stream), status }
      } catch (error) {
        const { response } = /** @type {any} */ (error)
        if (response === undefined) throw error
        return { status: response.statusCode, text: '' }
      }
    },
  }
}
