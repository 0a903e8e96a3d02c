// fetch: layers that call ours, and layers that ours calls.
import { mcaAuth } from '@mca-auth/fetch'
import { repeatedProof } from '../limits.js'
import { mocked, startMsw, startNock } from '../mocks.js'

/** @typedef {(fetch?: typeof globalThis.fetch) => typeof globalThis.fetch} Auth puts ours on a fetch, or on the global one */

const inside = (/** @type {string} */ name) => `mcaAuth(options, { fetch: ${name} })`

export async function group() {
  return {
    rows: [
      row('fetch of Node.js', 'mcaAuth()', [], ({ auth }) => auth()),
      ...(await callers()),
      ...(await retrying()),
      ...(await callees()),
      ...mocks(),
      ...caching(),
    ],
    auth: {
      bare: () => (over) => over ?? ((input, init) => fetch(input, init)),
      ours: (provider) => (over) => mcaAuth(provider, over && { fetch: over }),
      naive: (header) => (over) => (input, init) => {
        const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
        headers.set('authorization', header())
        return (over ?? fetch)(input, { ...init, headers: Object.fromEntries(headers) })
      },
    },
  }
}

function row(layer, place, packages, make, more = {}) {
  return { layer, place, packages, start: async (context) => client(await make(context)), ...more }
}

/** Layers that are given our fetch. */
async function callers() {
  const { default: ky } = await import('ky')
  const { createFetch } = await import('ofetch')
  const { default: createClient } = await import('openapi-fetch')
  const { default: OpenAI } = await import('openai')
  return [
    row('ky', 'ky.create({ fetch: mcaAuth() })', ['ky'], ({ auth }) => {
      const api = ky.create({ fetch: auth(), throwHttpErrors: false, retry: { limit: 2, delay: () => 1 } })
      return (url, init) => api(url, init)
    }),
    row('ofetch', 'createFetch({ fetch: mcaAuth() })', ['ofetch'], ({ auth }) => {
      const api = createFetch({ fetch: auth(), defaults: { retry: 2, retryDelay: 1, responseType: 'text' } })
      return async (url, init) => {
        const response = await api.raw(url, init).catch((error) => error.response ?? Promise.reject(error))
        return { status: response.status, text: async () => response._data }
      }
    }),
    row('openapi-fetch', 'createClient({ fetch: mcaAuth() })', ['openapi-fetch'], ({ auth, world }) => {
      const api = createClient({ baseUrl: world.api, fetch: auth() })
      const asItIs = { parseAs: 'text', bodySerializer: (body) => body }
      return async (url, { method = 'GET', ...init } = {}) => {
        const { data, error, response } = await api[method](new URL(url).pathname, { ...asItIs, ...init })
        return { status: response.status, text: async () => data ?? error }
      }
    }),
    row(
      'openai',
      'new OpenAI({ fetch: mcaAuth(), defaultHeaders: { authorization: null } })',
      ['openai'],
      ({ auth, world }) => {
        const defaultHeaders = { authorization: null } // otherwise its own header wins
        const api = new OpenAI({ apiKey: 'not-a-real-key', baseURL: world.api, fetch: auth(), defaultHeaders })
        return async (url, { method = 'GET', ...init } = {}) => {
          const request = api[method.toLowerCase()](new URL(url).pathname, init)
          return request.asResponse().catch((error) => {
            if (error.status === undefined) throw error
            return { status: error.status, text: async () => '' }
          })
        }
      },
    ),
  ]
}

async function retrying() {
  const { default: fetchRetry } = await import('fetch-retry')
  const options = { retries: 2, retryDelay: 1, retryOn: [503] }
  return [
    row('fetch-retry', 'fetchRetry(mcaAuth())', ['fetch-retry'], ({ auth }) => fetchRetry(auth(), options)),
    row('fetch-retry', inside('fetchRetry(fetch)'), ['fetch-retry'], ({ auth }) => auth(fetchRetry(fetch, options)), {
      limits: repeatedProof,
    }),
  ]
}

/** Other implementations beneath ours. */
async function callees() {
  const { default: nodeFetch } = await import('node-fetch')
  const { default: nodeFetch2 } = await import('node-fetch2')
  const undici = await import('undici')
  const under = (layer, folder, fetch) => row(layer, inside('theirs'), [folder], ({ auth }) => auth(fetch))
  return [
    under('node-fetch 3', 'node-fetch', nodeFetch),
    under('node-fetch 2', 'node-fetch2', nodeFetch2),
    under("undici's fetch", 'undici', undici.fetch),
  ]
}

/** Mocks in place of the API: a module may make its client before a test starts them. */
function mocks() {
  const inOrder = async ({ auth, world }, start) => {
    const ours = auth()
    await start(world)
    return ours
  }
  return [
    row(
      'msw',
      'listen(), then mcaAuth()',
      ['msw'],
      async ({ auth, world }) => {
        await startMsw(world)
        return auth()
      },
      mocked,
    ),
    row('msw', 'mcaAuth(), then listen()', ['msw'], (context) => inOrder(context, startMsw), mocked),
    row('nock', 'mcaAuth(), then nock()', ['nock'], (context) => inOrder(context, startNock), mocked),
  ]
}

/** A fetch that caches responses, like the fetch of a framework: by URL, or by URL and token. */
function caching() {
  const cached = (/** @type {typeof fetch} */ over, /** @type {(request: Request) => string} */ keyOf) => {
    const kept = new Map()
    return async (input, init) => {
      const request = new Request(input, init)
      if (request.method !== 'GET' || request.cache === 'no-store') return over(input, init)
      const key = keyOf(request)
      if (!kept.has(key)) {
        const response = await over(input, init)
        if (!response.headers.get('cache-control')?.includes('max-age')) return response
        kept.set(key, response)
      }
      return kept.get(key).clone()
    }
  }
  const byToken = ({ url, headers }) => `${url} ${headers.get('authorization')}`
  const byUrl = ({ url }) => url
  return [
    row('a fetch that caches by URL and headers', inside('cachingFetch'), [], ({ auth }) =>
      auth(cached(fetch, byToken)),
    ),
    row('a fetch that caches by URL and headers', 'the global fetch', [], ({ auth, world }) => {
      const before = globalThis.fetch
      globalThis.fetch = cached(before, byToken)
      world.onClose(() => {
        globalThis.fetch = before
      })
      return auth()
    }),
    row('a fetch that caches by URL', 'cachingFetch(mcaAuth())', [], ({ auth }) => cached(auth(), byUrl), {
      limits: {
        'same-url': {
          shows: /instead of/,
          text: 'users get what was cached for another: use it inside, with the header in its key',
        },
      },
    }),
  ]
}

function client(/** @type {any} */ api) {
  return {
    async send(/** @type {string} */ url, /** @type {any} */ init) {
      const response = await api(url, init)
      return { status: response.status, text: await response.text() }
    },
  }
}
