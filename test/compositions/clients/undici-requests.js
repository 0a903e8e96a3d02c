// How rows of undici send: by `request()` with every kind of callback that undici has, by a Pool's own methods, by fetch.
import { equal, ok } from 'node:assert/strict'
import { Writable } from 'node:stream'

/** @typedef {typeof import('undici')} Undici */

export const retryOptions = { minTimeout: 1, timeoutFactor: 1, maxRetries: 2 }

/** Sends with `request()`, with every kind of callback that undici has. */
export function requests(/** @type {Undici} */ undici, /** @type {any} */ dispatcher = undefined) {
  const dispatcherOfNow = () => dispatcher ?? undici.getGlobalDispatcher()
  return {
    undici,
    get dispatcher() {
      return dispatcherOfNow()
    },
    async send(/** @type {string} */ url, /** @type {any} */ init) {
      try {
        const { statusCode, body } = await undici.request(url, { dispatcher, ...init })
        return { status: statusCode, text: await body.text() }
      } catch (error) {
        // Thrown by `retry` and `responseError`.
        const { statusCode } = /** @type {any} */ (error)
        if (typeof statusCode === 'number') return { status: statusCode, text: '' }
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

/**
 * One handler object for the requests of two users. No layer does that, but an application may: only the same request
 * after a failure belongs to the first user.
 *
 * @type {import('../contract.js').Step}
 */
export const sharedHandler = {
  id: 'one-handler',
  name: 'keeps users apart even if their requests share a handler object',
  bites: 'users',
  forward: true,
  async scenario({ client: { dispatcher, undici }, world, asUser }) {
    let ended = () => {}
    const handler = handlerOf(undici, () => ended())
    /** Sends to these paths, each for the user that it names, and waits until all of them have ended. */
    const send = (/** @type {string[]} */ ...paths) =>
      new Promise((resolve) => {
        let left = paths.length
        ended = () => --left === 0 && resolve(undefined)
        for (const path of paths) {
          const dispatch = () => dispatcher.dispatch({ origin: world.api, path, method: 'GET' }, handler)
          asUser(`Bearer ${path.split('/').at(-1)}`, dispatch)
        }
      })
    await send('/users/1/alice', '/users/2/bob')
    await send('/users/3/alice')
    await send('/users/3/bob')
    await send('/unstable/users/4/alice')
    await send('/users/4/bob')
    return world.atApi
  },
  check(arrived) {
    ok(arrived.length >= 6)
    for (const { path, authorization } of arrived) equal(authorization, `Bearer ${path.split('/').at(-1)}`, path)
  },
}

/** undici 6 has other names for the methods of a handler. */
function handlerOf(/** @type {Undici} */ { interceptors }, /** @type {() => void} */ end) {
  return 'cache' in interceptors
    ? { onRequestStart() {}, onResponseStart() {}, onResponseData() {}, onResponseEnd: end, onResponseError: end }
    : { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: end, onError: end }
}

/** Sends with the methods of a Client or Pool, which know their origin. */
export function ofOneOrigin(_undici, /** @type {any} */ dispatcher) {
  return {
    async send(/** @type {string} */ url, /** @type {any} */ init) {
      const { statusCode, body } = await dispatcher.request({ path: new URL(url).pathname, method: 'GET', ...init })
      return { status: statusCode, text: await body.text() }
    },
  }
}
