// How rows of undici send: by `request()` with every kind of callback that undici has, by a Pool's own methods, by fetch.
import { Writable } from 'node:stream'

/** @typedef {typeof import('undici')} Undici */

export const retryOptions = { minTimeout: 1, timeoutFactor: 1, maxRetries: 2 }

/** By `request()`, with every kind of callback that undici has. */
export function requests(/** @type {Undici} */ undici, /** @type {any} */ dispatcher = undefined) {
  const dispatcherOfNow = () => dispatcher ?? undici.getGlobalDispatcher()
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
          dispatcherOfNow().request({ origin, path, method: 'GET' }, (error, response) => {
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
          dispatcherOfNow().dispatch({ origin, path, method: 'GET' }, handlerOf(undici, end))
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

/** By the methods of a Client or Pool, which know their origin. */
export function ofOneOrigin(_undici, /** @type {any} */ dispatcher) {
  return {
    async send(/** @type {string} */ url, /** @type {any} */ init) {
      const { statusCode, body } = await dispatcher.request({ path: new URL(url).pathname, method: 'GET', ...init })
      return { status: statusCode, text: await body.text() }
    },
  }
}
