import { Agent as HttpAgent } from 'node:http'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import type { McaAuthOptions } from '@mca-auth/core'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios, { type AxiosInstance } from 'axios'
import got, { type Got } from 'got'
import { Agent, type Dispatcher, request } from 'undici'

/** Sends one GET and gives the status of the answer. */
export type Send = (url: string) => Promise<number>

const agent = new HttpAgent({ keepAlive: true })

export const clients: readonly {
  readonly name: string
  readonly withHeader: (authorization: string) => Send
  readonly withMcaAuth: (options: McaAuthOptions) => Send
}[] = [
  {
    name: 'axios',
    withHeader: (authorization) => viaAxios(axios.create({ headers: { authorization } })),
    withMcaAuth: (options) => {
      const api = axios.create()
      api.interceptors.request.use(axiosAuth(options))
      return viaAxios(api)
    },
  },
  {
    name: 'got',
    withHeader: (authorization) => viaGot(got.extend({ headers: { authorization } })),
    withMcaAuth: (options) => viaGot(got.extend(gotAuth(options))),
  },
  {
    name: 'undici',
    withHeader: (authorization) => viaUndici(new Agent(), { authorization }),
    withMcaAuth: (options) => viaUndici(new Agent().compose(undiciAuth(options))),
  },
]

function viaAxios(api: AxiosInstance): Send {
  return async (url) => (await api.get(url, { httpAgent: agent, validateStatus: () => true })).status
}

function viaGot(api: Got): Send {
  return async (url) => (await api(url, { agent: { http: agent }, throwHttpErrors: false })).statusCode
}

function viaUndici(dispatcher: Dispatcher, headers = {}): Send {
  return async (url) => {
    const { statusCode, body } = await request(url, { dispatcher, headers })
    await body.dump()
    return statusCode
  }
}
