// undici, whose layers are composed: `compose(a, b)` puts b outside of a.
import { mcaAuth } from '@mca-auth/undici'
import { redirectedProof, redirectedToAddress, repeatedProof, unansweredChallenge } from '../limits.js'
import { versionOf } from '../versions.js'
import { dispatchers } from './undici-dispatchers.js'
import { fetches, sources } from './undici-fetch.js'
import { requests, retryOptions, sharedHandler } from './undici-requests.js'

/** @typedef {typeof import('undici')} Undici */

export async function group(/** @type {string} */ name) {
  const undici = /** @type {Undici} */ (await import(name))
  const major = Number(/^undici (\d+)/.exec(versionOf(name))?.[1])
  const rows = [
    ...composed(undici, major),
    ...dispatchers(undici, major >= 8),
    ...(await fetches(undici)),
    ...sources(undici),
  ]
  return {
    rows: rows.map((row) => ({ ...row, packages: [name] })),
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

/** The layers, in various orders around ours. */
function composed(/** @type {Undici} */ undici, /** @type {number} */ major) {
  const { interceptors } = undici
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
    queue: () => queue(undici),
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
  const exists = (/** @type {string} */ name) => name === 'mcaAuth' || name in ours || name in interceptors
  return orders
    .map((order) => order.split(' '))
    .filter((names) => names.every(exists))
    .map((names) => ({
      layer: names
        .filter((name) => name !== 'mcaAuth')
        .map((name) => ours[name] ?? name)
        .join(' + '),
      place: `compose(${names.join(', ')})`,
      ...(names.includes('dns') && { host: 'localhost' }),
      steps: [sharedHandler],
      limits: limitsOf(names, major),
      ...(names.includes('dump') && { skips: { 'same-url': 'the layer throws the body away' } }),
      ...(losesHeaders(names, major) && {
        skips: { 'proof-away': 'it loses all headers over a redirect' },
      }),
      start({ auth }) {
        const agent = new undici.Agent({ connections: 2 })
        const dispatcher = agent.compose(names.map((name) => (name === 'mcaAuth' ? auth : layers[name]())))
        const client = /** @type {any} */ (requests(undici, dispatcher))
        if (names.includes('dump')) delete client.callbacks['data of the body']
        return { ...client, close: () => agent.destroy() }
      },
    }))
}

/** Layers as applications write them. */
const ours = { wrap: 'a wrapping layer', queue: 'a layer that is a queue' }

/** Two requests at a time: the end of one starts the next, in the context of the former. */
function queue(/** @type {Undici} */ undici) {
  const { DecoratorHandler } = /** @type {any} */ (undici)
  let running = 0
  const waiting = /** @type {(() => void)[]} */ ([])
  const end = () => {
    running--
    waiting.shift()?.()
  }
  class Queued extends DecoratorHandler {
    onComplete(...args) {
      super.onComplete(...args)
      end()
    }
    onError(...args) {
      super.onError(...args)
      end()
    }
    onResponseEnd(...args) {
      super.onResponseEnd(...args)
      end()
    }
    onResponseError(...args) {
      super.onResponseError(...args)
      end()
    }
  }
  return (dispatch) => (options, handler) => {
    const start = () => {
      running++
      dispatch(options, new /** @type {any} */ (Queued)(handler))
    }
    if (running < 2) start()
    else waiting.push(start)
    return true
  }
}

/** The limits of this order, by step. */
function limitsOf(/** @type {string[]} */ names, /** @type {number} */ major) {
  const isOutside = (/** @type {string} */ name) => names.indexOf(name) > names.indexOf('mcaAuth')
  const isInside = (/** @type {string} */ name) => names.includes(name) && !isOutside(name)
  return {
    ...((isOutside('cache') || isOutside('deduplicate')) && {
      'same-url': {
        shows: /instead of/,
        text: 'with `incoming`, users share responses: the layer does not see that their tokens differ',
      },
    }),
    ...(major === 6 &&
      `${names}` === 'redirect,retry,mcaAuth' && {
        once: { shows: /posts: 2/, text: 'a POST that is redirected and then answered 401 is executed again' },
        'steps-up-elsewhere': {
          shows: /403, 2/,
          text: 'a request that is redirected to a stranger that demands more scope is executed again',
        },
      }),
    ...(isOutside('queue') &&
      Object.fromEntries(
        ['users', 'users-503', 'callers', 'callers-503', 'callbacks'].map((step) => [
          step,
          {
            shows: /carried/,
            text: "with `incoming`, a queued request carries the token of the user whose request's end starts it",
          },
        ]),
      )),
    ...(isInside('retry') && repeatedProof),
    ...(isInside('redirect') && redirectedProof),
    ...(major < 8 && `${names}` === 'mcaAuth,redirect,dns' && redirectedToAddress),
    ...(isInside('responseError') && {
      ...unansweredChallenge(
        'with `dpop`, a challenge for a nonce is not answered; the next request has the nonce',
        'a challenge for more scope is not answered; the next request has it',
      ),
      replaces: { shows: /401 instead of 200/, text: 'a rejected request is not resent; the next one has a new token' },
    }),
  }
}

/** undici 6 takes a redirect by the address of a host for one to another origin. */
function losesHeaders(/** @type {string[]} */ names, /** @type {number} */ major) {
  return major === 6 && `${names}` === 'dns,redirect,mcaAuth'
}

/** @returns {string[]} */
function permutations(/** @type {string[]} */ names) {
  if (names.length === 1) return names
  return names.flatMap((name) => permutations(names.filter((other) => other !== name)).map((rest) => `${name} ${rest}`))
}
