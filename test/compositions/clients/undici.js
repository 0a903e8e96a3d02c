// undici, whose layers are composed: `compose(a, b)` puts b outside of a.
import { Writable } from 'node:stream'
import { mcaAuth } from '@mca-auth/undici'

/** @typedef {typeof import('undici')} Undici */

export async function group(/** @type {string} */ name) {
  const undici = /** @type {Undici} */ (await import(name))
  return {
    rows: [...composed(undici)],
    auth: {
      bare: () => (/** @type {any} */ dispatch) => dispatch,
      ours: mcaAuth,
      naive: (/** @type {() => string} */ header) => (/** @type {any} */ dispatch) => (options, handler) =>
        dispatch({ ...options, headers: withAuthorization(options.headers, header()) }, handler),
    },
  }
}

function withAuthorization(/** @type {any} */ headers, /** @type {string} */ authorization) {
  if (Array.isArray(headers)) return [...headers, 'authorization', authorization]
  return typeof headers?.[Symbol.iterator] === 'function'
    ? { ...Object.fromEntries(headers), authorization }
    : { ...headers, authorization }
}

/** The layers, and the orders in which they stand around ours. */
function composed(/** @type {Undici} */ undici) {
  const { interceptors } = undici
  const retryOptions = { minTimeout: 1, timeoutFactor: 1, maxRetries: 2 }
  const layers = {
    redirect: () => interceptors.redirect({ maxRedirections: 5 }),
    retry: () => interceptors.retry(retryOptions),
    dns: () => interceptors.dns({ affinity: 4 }),
    dump: () => interceptors.dump({ maxSize: 100_000 }),
    cache: () => interceptors.cache?.(),
    deduplicate: () => interceptors.deduplicate?.(),
    decompress: () => interceptors.decompress?.(),
    responseError: () => interceptors.responseError?.(),
    wrap: () => (dispatch) => (options, handler) => dispatch(options, new undici.DecoratorHandler(handler)),
  }
  const orders = [
    ...Object.keys(layers).flatMap((layer) => [`mcaAuth ${layer}`, `${layer} mcaAuth`]),
    ...permutations(['mcaAuth', 'redirect', 'retry']),
    'mcaAuth wrap retry',
    'mcaAuth wrap redirect',
    'mcaAuth retry wrap redirect',
    'mcaAuth wrap retry wrap redirect',
    ...permutations(['mcaAuth', 'dns', 'retry']),
    ...permutations(['mcaAuth', 'dns', 'redirect']),
    ...permutations(['mcaAuth', 'cache', 'retry']),
    ...permutations(['mcaAuth', 'cache', 'dns']),
    'mcaAuth responseError retry',
    'responseError mcaAuth retry',
  ]
  const exists = (/** @type {string} */ name) => name === 'mcaAuth' || name === 'wrap' || name in interceptors
  return orders
    .map((order) => order.split(' '))
    .filter((names) => names.every(exists))
    .map((names) => ({
      layer: names.filter((name) => name !== 'mcaAuth').join(' + '),
      place: `compose(${names.join(', ')})`,
      ...(names.includes('dns') && { host: 'localhost' }),
      ...(names.includes('dump') && { skips: { 'same-url': 'the layer throws the body away' } }),
      start({ auth }) {
        const agent = new undici.Agent({ connections: 2 })
        const dispatcher = agent.compose(names.map((name) => (name === 'mcaAuth' ? auth : layers[name]())))
        const client = requests(undici, dispatcher)
        if (names.includes('dump')) delete client.callbacks['data of the body']
        return { ...client, close: () => agent.destroy() }
      },
    }))
}

/** @returns {string[]} */
function permutations(/** @type {string[]} */ names) {
  if (names.length === 1) return names
  return names.flatMap((name) => permutations(names.filter((other) => other !== name)).map((rest) => `${name} ${rest}`))
}

/** By `request()`, with every kind of callback that undici has. */
function requests(/** @type {Undici} */ undici, /** @type {any} */ dispatcher) {
  return {
    async send(/** @type {string} */ url, /** @type {any} */ init) {
      try {
        const { statusCode, body } = await undici.request(url, { dispatcher, ...init })
        return { status: statusCode, text: await body.text() }
      } catch (error) {
        // Of `retry` and `responseError`.
        if (typeof error.statusCode === 'number') return { status: error.statusCode, text: '' }
        throw error
      }
    },
    callbacks: {
      'data of the body': (url, start) => listen('data', url, start),
      'end of the body': (url, start) => listen('end', url, start),
      async 'stream factory'(url, start) {
        await undici.stream(url, { dispatcher, method: 'GET' }, () => {
          start()
          return sink()
        })
      },
      'finish of stream()': (url, start) =>
        undici.stream(url, { dispatcher, method: 'GET' }, () => sink().on('finish', start)),
      'callback of request()': (url, start) =>
        new Promise((resolve) => {
          const { origin, pathname: path } = new URL(url)
          dispatcher.request({ origin, path, method: 'GET' }, (error, response) => {
            start()
            resolve(error ?? response.body.dump())
          })
        }),
      'handler of dispatch()': (url, start) =>
        new Promise((resolve) => {
          const { origin, pathname: path } = new URL(url)
          const end = () => {
            start()
            resolve(undefined)
          }
          dispatcher.dispatch({ origin, path, method: 'GET' }, handlerOf(undici, end))
        }),
    },
  }

  async function listen(event, url, start) {
    const { body } = await undici.request(url, { dispatcher })
    await new Promise((resolve, reject) => body.on(event, start).on('close', resolve).on('error', reject).resume())
  }
}

const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() })

/** undici 6 knows handlers by other names. */
function handlerOf(/** @type {Undici} */ { interceptors }, /** @type {() => void} */ end) {
  return 'cache' in interceptors
    ? { onRequestStart() {}, onResponseStart() {}, onResponseData() {}, onResponseEnd: end, onResponseError: end }
    : { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: end, onError: end }
}
