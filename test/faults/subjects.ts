import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import type { TokenProvider } from '@mca-auth/core'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios from 'axios'
import got from 'got'
import { Agent, type Dispatcher, request } from 'undici'

/** The subjects of the fault tests: the provider alone, and each client. */
export interface Subject {
  readonly name: string
  /** `hasOrigins`: the provider has its own `origins`. */
  start(provider: TokenProvider, hasOrigins?: boolean): Running
}

export interface Running extends AsyncDisposable {
  /** The status of the response; a provider alone "responds" 200 when it has a token. Throws what the caller would get. */
  call(url: string, options?: { readonly method?: 'GET' | 'POST'; readonly timeoutMs?: number }): Promise<number>
}

const nothing = async () => {}

export const providerAlone: Subject = {
  name: 'provider',
  start: (provider) => ({ call: () => provider.getToken().then(() => 200), [Symbol.asyncDispose]: nothing }),
}

export const clients: readonly Subject[] = [
  {
    name: 'axios',
    start(provider) {
      const api = axios.create({ validateStatus: () => true })
      api.interceptors.request.use(axiosAuth(provider))
      const call: Running['call'] = async (url, { method = 'GET', timeoutMs = 0 } = {}) =>
        (await api.request({ url, method, timeout: timeoutMs })).status
      return { call, [Symbol.asyncDispose]: nothing }
    },
  },
  {
    name: 'got',
    start(provider) {
      const api = got.extend({ retry: { limit: 0 }, throwHttpErrors: false }, gotAuth(provider))
      const call: Running['call'] = async (url, { method = 'GET', timeoutMs } = {}) =>
        (await api(url, { method, ...(timeoutMs && { timeout: { request: timeoutMs } }) })).statusCode
      return { call, [Symbol.asyncDispose]: nothing }
    },
  },
  {
    name: 'undici',
    start(provider) {
      const agent = new Agent()
      const dispatcher = agent.compose(undiciAuth(provider))
      const call: Running['call'] = async (url, { method = 'GET', timeoutMs } = {}) => {
        const signal = timeoutMs === undefined ? null : AbortSignal.timeout(timeoutMs)
        const { statusCode, body } = await request(url, { dispatcher, method, signal })
        await body.dump({ limit: 2 ** 30 })
        return statusCode
      }
      return { call, [Symbol.asyncDispose]: () => agent.destroy() }
    },
  },
  {
    name: 'fetch',
    start(provider) {
      const send = fetchAuth(provider)
      const call: Running['call'] = async (url, { method = 'GET', timeoutMs } = {}) => {
        const signal = timeoutMs === undefined ? null : AbortSignal.timeout(timeoutMs)
        const response = await send(url, { method, signal })
        await response.arrayBuffer()
        return response.status
      }
      return { call, [Symbol.asyncDispose]: nothing }
    },
  },
  {
    name: 'undici under fetch',
    start(provider, hasOrigins = false) {
      const agent = new Agent()
      // fetch hides its redirects, so it needs origins.
      const dispatchers = new Map<string, Dispatcher>()
      const dispatcherFor = (origins: string) => {
        const dispatcher =
          dispatchers.get(origins) ?? agent.compose(undiciAuth(provider, hasOrigins ? {} : { origins }))
        dispatchers.set(origins, dispatcher)
        return dispatcher
      }
      const call: Running['call'] = async (url, { method = 'GET', timeoutMs } = {}) => {
        const signal = timeoutMs === undefined ? null : AbortSignal.timeout(timeoutMs)
        const dispatcher = dispatcherFor(new URL(url).origin)
        const response = await fetch(url, { dispatcher, method, signal } as unknown as RequestInit)
        await response.arrayBuffer()
        return response.status
      }
      return { call, [Symbol.asyncDispose]: () => agent.destroy() }
    },
  },
]
