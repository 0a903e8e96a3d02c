// An application in CommonJS. Bundled, it is one file.
const assert = require('node:assert/strict')
const { mcaAuth } = require('@mca-auth/axios')
const { McaAuthError } = require('@mca-auth/core')
const fetchAdapter = require('@mca-auth/fetch')
const undiciAdapter = require('@mca-auth/undici')
const axios = require('axios')
const { Agent, request } = require('undici')
const { exercise, failureOf, worldOf } = require('./exercise.cjs')

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
