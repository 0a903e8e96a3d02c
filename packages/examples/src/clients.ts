import { Agent as HttpAgent } from 'node:http'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import type { McaAuthOptions } from '@mca-auth/core'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios, { type AxiosInstance } from 'axios'
import got, { type Got } from 'got'
import { Agent, type Dispatcher, request } from 'undici'

/** The parts of a response that the demo uses. */
interface Answer {
  readonly status: number
  /** The `WWW-Authenticate` header, which says why a token was rejected. */
  readonly challenge: string | undefined
}

/** Sends one GET. */
export type Send = (url: string) => Promise<Answer>

export interface Client {
  readonly name: string
  readonly withHeader: (authorization: string) => Send
  readonly withMcaAuth: (options: McaAuthOptions) => Send
}

const agent = new HttpAgent({ keepAlive: true })

export const clients: readonly Client[] = [
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
  return async (url) => {
    const { status, headers } = await api.get(url, { httpAgent: agent, validateStatus: () => true })
    return answer(status, headers['www-authenticate'])
  }
}

function viaGot(api: Got): Send {
  return async (url) => {
    const { statusCode, headers } = await api(url, { agent: { http: agent }, throwHttpErrors: false })
    return answer(statusCode, headers['www-authenticate'])
  }
}

function viaUndici(dispatcher: Dispatcher, headers = {}): Send {
  return async (url) => {
    const response = await request(url, { dispatcher, headers })
    await response.body.dump()
    return answer(response.statusCode, response.headers['www-authenticate'])
  }
}

function answer(status: number, challenge: unknown): Answer {
  return { status, challenge: challenge === undefined ? undefined : String(challenge) }
}
