// axios, whose layers are interceptors and adapters: the order of registration matters.
import { request as httpRequest } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { mcaAuth } from '@mca-auth/axios'
import axios, { AxiosError } from 'axios'
import { overTls, startProxy } from '../front.js'
import { redirectedProof, unansweredChallenge } from '../limits.js'
import { canMock, mocked, startMsw, startNock } from '../mocks.js'
import { configRows, logsNoToken, twoPlugins } from './axios-steps.js'

/** @typedef {import('axios').AxiosInstance} Api */

const first = 'use(mcaAuth()) first'
const last = 'use(mcaAuth()) last'

/** Rows for both orders of one layer: `apply` puts it on the instance. */
function inBothOrders(layer, apply, more = {}) {
  return [first, last].map((place) => ({
    layer,
    place,
    packages: [layer],
    async start(context) {
      const api = axios.create({ adapter: 'http', ...(await more.defaults?.(context)) })
      if (place === first) api.interceptors.request.use(context.auth)
      const result = await apply(api, context)
      const used = result?.request === undefined ? api : result
      if (place === last) used.interceptors.request.use(context.auth)
      return client(used)
    },
    ...more,
  }))
}

/** A row for one way to set axios up. */
function row(layer, place, make, more = {}) {
  return {
    layer,
    place,
    start: async (context) => client(await make(context)),
    ...more,
    packages: more.packages ?? ['axios'],
  }
}

/** An instance with our interceptor. */
function create({ auth }, /** @type {import('axios').CreateAxiosDefaults} */ defaults = {}) {
  const api = axios.create({ adapter: 'http', ...defaults })
  api.interceptors.request.use(auth)
  return api
}

/** Limits of mocks whose responses have no headers. */
const withoutHeaders = {
  limits: unansweredChallenge(
    'with `dpop`, a challenge for a nonce cannot be read, and is not answered',
    'a challenge for more scope cannot be read, and is not answered',
  ),
}

const overFetch = (context) => create(context, { adapter: 'fetch' })

export async function group() {
  return {
    rows: [
      row('axios', "adapter: 'http'", (context) => create(context)),
      row('axios', "adapter: 'fetch'", overFetch, { limits: redirectedProof }),
      ...(canMock
        ? [row('mcaAuth() of undici', "adapter: 'fetch' over setGlobalDispatcher()", overFetch, twoPlugins)]
        : []),
      ...(await layers()),
      ...proxies(),
      ...clients(),
      ...configRows.map(({ place, step }) =>
        row('a config that is used again', place, (context) => create(context), { only: [step.id], steps: [step] }),
      ),
    ],
    auth: {
      bare: () => (config) => config,
      ours: mcaAuth,
      naive: (header) => (config) => {
        config.headers.Authorization = header()
        return config
      },
    },
  }
}

/** Packages that put interceptors or an adapter on an instance. */
async function layers() {
  const { default: axiosRetry } = await import('axios-retry')
  const rax = await import('retry-axios')
  const { setupCache } = await import('axios-cache-interceptor')
  const { default: MockAdapter } = await import('axios-mock-adapter')
  const { default: rateLimit } = await import('axios-rate-limit')
  const logger = await import('axios-logger')
  const lines = []
  const note = (line) => lines.push(line)
  const mock =
    (withHeaders) =>
    (api, { world }) =>
      void new MockAdapter(api).onAny().reply(({ method = '', url = '', headers, data }) => {
        const named = Object.fromEntries(
          Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
        )
        const path = url.slice(world.api.length)
        const reply = world.mock({ method: method.toUpperCase(), path, headers: named, body: Buffer.from(data ?? '') })
        const body = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body)
        return withHeaders ? [reply.status ?? 200, body, reply.headers] : [reply.status ?? 200, body]
      })
  return [
    ...inBothOrders('axios-retry', (api) => axiosRetry(api, { retries: 2, retryDelay: () => 1 })),
    ...inBothOrders('retry-axios', (api) => rax.attach(api), {
      defaults: () => ({ raxConfig: { retry: 2, retryDelay: 1, backoffType: 'static' } }),
    }),
    ...inBothOrders('axios-cache-interceptor', (api) => setupCache(api), {
      limits: {
        'same-url': {
          shows: /instead of/,
          text: 'with `incoming`, users share responses: its keys must name the user (`generateKey`)',
        },
      },
    }),
    ...inBothOrders('axios-rate-limit', (api) => rateLimit(api, { maxRequests: 20, perMilliseconds: 20 })),
    ...inBothOrders(
      'axios-logger',
      (api) => {
        const config = { headers: true, data: true, logger: note }
        api.interceptors.request.use((sent) => logger.requestLogger(sent, config))
        api.interceptors.response.use(
          (response) => logger.responseLogger(response, config),
          (error) => logger.errorLogger(error, config),
        )
      },
      { steps: [logsNoToken(lines)] },
    ),
    ...inBothOrders('axios-mock-adapter', mock(true), mocked),
    ...inBothOrders('axios-mock-adapter without headers', mock(false), {
      ...mocked,
      packages: ['axios-mock-adapter'],
      ...withoutHeaders,
    }),
    ...inBothOrders('a hand-written refresh queue', refreshQueue, { packages: ['axios'] }),
    ...inBothOrders('an interceptor that sets config.adapter', setAdapter, { packages: ['axios'] }).map((one) =>
      one.place === first ? one : { ...one, ...discarded },
    ),
    ...(await cookies()),
    ...(canMock ? [startMsw, startNock] : []).map((start) =>
      row(
        start === startMsw ? 'msw' : 'nock',
        'in place of the server',
        async (context) => {
          await start(context.world)
          return create(context)
        },
        { ...mocked, packages: [start === startMsw ? 'msw' : 'nock'] },
      ),
    ),
  ]
}

/** Limited to the versions of Node.js that it supports. */
async function cookies() {
  if (Number(process.versions.node.split('.')[0]) < 22) return []
  const { wrapper } = await import('axios-cookiejar-support')
  const { CookieJar } = await import('tough-cookie')
  return inBothOrders('axios-cookiejar-support', (api) => wrapper(api), { defaults: () => ({ jar: new CookieJar() }) })
}

function setAdapter(/** @type {Api} */ api) {
  api.interceptors.request.use((config) => {
    config.adapter = axios.getAdapter('http')
    return config
  })
}

/** It runs after ours, and discards the adapter that ours has wrapped. */
const discarded = {
  only: ['attaches'],
  limits: { attaches: { shows: /401 instead of 200/, text: 'requests go without a token' } },
}

/** A common pattern: the first failure refreshes something, the others wait in a list, and then all are sent again. */
function refreshQueue(/** @type {Api} */ api) {
  let waiting = /** @type {(() => void)[] | undefined} */ (undefined)
  api.interceptors.response.use(undefined, (error) => {
    const { config, response } = error
    if (![401, 503].includes(response?.status) || config.again) return Promise.reject(error)
    config.again = true
    const again = new Promise((resolve) => {
      waiting ??= refresh()
      waiting.push(() => resolve(api(config)))
    })
    return again
  })
  function refresh() {
    setTimeout(() => {
      const all = waiting ?? []
      waiting = undefined
      for (const send of all) send()
    }, 5)
    return []
  }
}

/** Proxies, and agents that lead to one. */
function proxies() {
  const tls = { prepare: overTls, packages: ['https-proxy-agent'] }
  const proxy = async (world) => {
    const { hostname: host, port } = new URL(await startProxy(world))
    return { host, port: Number(port), protocol: 'http' }
  }
  return [
    row(
      'https-proxy-agent',
      'httpsAgent: new HttpsProxyAgent(url)',
      async (context) => {
        const { HttpsProxyAgent } = await import('https-proxy-agent')
        const httpsAgent = new HttpsProxyAgent(await startProxy(context.world))
        return create(context, { httpsAgent, proxy: false })
      },
      tls,
    ),
    row(
      '`proxy` of axios',
      'proxy: { host, port }',
      async (context) => {
        return create(context, { proxy: await proxy(context.world) })
      },
      { prepare: overTls },
    ),
    row(
      '`proxy` of axios',
      'proxy: { host, port }',
      async (context) => {
        return create(context, { proxy: await proxy(context.world) })
      },
      { only: ['in-clear'] },
    ),
  ]
}

/** Clients on top of axios, and custom adapters. */
function clients() {
  return [
    row(
      '@nestjs/axios',
      'http.axiosRef.interceptors.request.use(mcaAuth())',
      async (context) => {
        await import('reflect-metadata')
        const { HttpService } = await import('@nestjs/axios')
        const { firstValueFrom } = await import('rxjs')
        const http = new HttpService(axios.create({ adapter: 'http' }))
        http.axiosRef.interceptors.request.use(context.auth)
        return Object.assign((config) => firstValueFrom(http.request(config)), {
          interceptors: http.axiosRef.interceptors,
        })
      },
      { packages: ['@nestjs/axios'] },
    ),
    row('a client of openapi-generator', 'new OrdersApi(configuration, undefined, api)', (context) => {
      return generated(create(context))
    }),
    row(
      'an adapter without headers',
      'axios.create({ adapter })',
      (context) => create(context, { adapter: plainAdapter }),
      withoutHeaders,
    ),
  ]
}

/** An operation as generated by the `typescript-axios` template. */
function generated(/** @type {Api} */ globalAxios) {
  const basePath = 'https://orders.example.com'
  const paramCreator = (/** @type {string} */ url, /** @type {any} */ options) => {
    const localVarUrlObj = new URL(url, 'https://example.com')
    const baseOptions = { headers: {} }
    return {
      url,
      server: localVarUrlObj.origin,
      options: { ...baseOptions, ...options, headers: { ...options.headers } },
    }
  }
  const createRequestFunction =
    (axiosArgs, configuration) =>
    (instance = globalAxios, path = basePath) => {
      const axiosRequestArgs = { ...axiosArgs.options, url: (configuration?.basePath ?? path) + axiosArgs.url }
      return instance.request(axiosRequestArgs)
    }
  const call = ({ url, ...options }) => {
    const { origin, pathname } = new URL(url)
    return createRequestFunction(paramCreator(pathname, options), { basePath: origin })(globalAxios)
  }
  return Object.assign(call, { interceptors: globalAxios.interceptors })
}

/** Sends with node:http, and returns as little of a response as axios accepts. */
function plainAdapter(/** @type {any} */ config) {
  return new Promise((resolve, reject) => {
    const { url, method, data, signal } = config
    const sent = httpRequest(url, { method, headers: config.headers.toJSON(), signal }, async (incoming) => {
      const response = { status: incoming.statusCode ?? 0, data: String(await buffer(incoming)), config }
      const isGood = config.validateStatus(response.status)
      if (isGood) resolve(response)
      else reject(new AxiosError('status', 'ERR_BAD_REQUEST', config, sent, /** @type {any} */ (response)))
    })
    sent.on('error', (error) => reject(AxiosError.from(error, 'ERR_NETWORK', config)))
    sent.end(data)
  })
}

/** A function that also calls `start()`. */
function after(/** @type {() => void} */ start, /** @type {(value: any) => any} */ run = (value) => value) {
  return (/** @type {any} */ value) => {
    start()
    return run(value)
  }
}

/** Sends with an instance, and with every kind of callback that axios has. */
function client(/** @type {any} */ api) {
  const asText = { responseType: 'text', transformResponse: [(/** @type {any} */ data) => data] }
  const call = (url, more) => api({ url, method: 'GET', ...asText, ...more })
  return {
    api,
    async send(/** @type {string} */ url, /** @type {any} */ { body, ...init } = {}) {
      try {
        const { status, data } = await call(url, { data: body, ...init })
        return { status, text: data }
      } catch (error) {
        const { response } = /** @type {any} */ (error)
        if (response === undefined) throw error
        return { status: response.status, text: response.data }
      }
    },
    callbacks: {
      async 'response interceptor'(url, start) {
        const seen = after(start)
        const id = api.interceptors.response.use(seen, (error) => Promise.reject(seen(error)))
        await call(url).finally(() => api.interceptors.response.eject(id))
      },
      transformResponse: (url, start) => call(url, { transformResponse: [after(start)] }),
      validateStatus: (url, start) => call(url, { validateStatus: after(start, () => true) }),
    },
  }
}
