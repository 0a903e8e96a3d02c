import { strict as assert } from 'node:assert'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios, { AxiosError } from 'axios'
import { Agent, request } from 'undici'
import { exercise, failureOf, worldOf } from './exercise.cjs'

test('axios sends a token to a server', async () => {
  const { api, credentials, denied } = worldOf('axios')
  const clientWith = (options: McaAuthOptions) => {
    const client = axios.create()
    client.interceptors.request.use(axiosAuth({ ...options, origins: api }))
    return client
  }
  const client = clientWith(credentials)
  await exercise('axios', async (url) => (await client.get(url)).status)
  const error = await failureOf('axios', (url) => clientWith(denied).get(url))
  assert(error instanceof AxiosError && error instanceof Error)
  assert(error.cause instanceof McaAuthError)
})

test('fetch sends a token to a server', async () => {
  const { api, credentials, denied } = worldOf('fetch')
  const client = fetchAuth({ ...credentials, origins: api })
  await exercise('fetch', async (url) => (await client(url)).status)
  const error = await failureOf('fetch', (url) => fetchAuth({ ...denied, origins: api })(url))
  assert(error instanceof McaAuthError && error instanceof Error)
})

test('undici sends a token to a server', async () => {
  const { api, credentials, denied } = worldOf('undici')
  const send = (options: McaAuthOptions) => {
    const dispatcher = new Agent().compose(undiciAuth({ ...options, origins: api }))
    return async (url: string) => {
      const { statusCode, body } = await request(url, { dispatcher })
      await body.text()
      return statusCode
    }
  }
  await exercise('undici', send(credentials))
  assert((await failureOf('undici', send(denied))) instanceof McaAuthError)
})
