// An application in ES modules. Bundled, it is one file.
import assert from 'node:assert/strict'
import { mcaAuth } from '@mca-auth/axios'
import { McaAuthError } from '@mca-auth/core'
import * as fetchAdapter from '@mca-auth/fetch'
import * as undiciAdapter from '@mca-auth/undici'
import axios from 'axios'
import { Agent, request } from 'undici'
import { exercise, failureOf, worldOf } from './exercise.cjs'

async function withAxios() {
  const { api, credentials, denied } = worldOf('axios')
  const client = axios.create()
  client.interceptors.request.use(mcaAuth({ ...credentials, origins: api }))
  await exercise('axios', async (url) => (await client.get(url)).status)
  const other = axios.create()
  other.interceptors.request.use(mcaAuth({ ...denied, origins: api }))
  const error = await failureOf('axios', (url) => other.get(url))
  assert(error instanceof axios.AxiosError, 'the bundle has two copies of axios')
  assert(error.cause instanceof McaAuthError, 'the bundle has two classes of McaAuthError')
}

async function withFetch() {
  const { api, credentials, denied } = worldOf('fetch')
  const client = fetchAdapter.mcaAuth({ ...credentials, origins: api })
  await exercise('fetch', async (url) => (await client(url)).status)
  const other = fetchAdapter.mcaAuth({ ...denied, origins: api })
  assert((await failureOf('fetch', other)) instanceof McaAuthError)
}

async function withUndici() {
  const { api, credentials, denied } = worldOf('undici')
  const sendWith = (options) => {
    const dispatcher = new Agent().compose(undiciAdapter.mcaAuth({ ...options, origins: api }))
    return async (url) => {
      const { statusCode, body } = await request(url, { dispatcher })
      await body.text()
      return statusCode
    }
  }
  await exercise('undici', sendWith(credentials))
  assert((await failureOf('undici', sendWith(denied))) instanceof McaAuthError)
}

async function main() {
  await withAxios()
  await withFetch()
  await withUndici()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
