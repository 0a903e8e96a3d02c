// Uses each client like a program, given the modules that it has imported or required.
const assert = require('node:assert/strict')
const { exercise, failureOf, worldOf } = require('./exercise.cjs')

exports.axios = async ({ axios, mcaAuth, McaAuthError }) => {
  const { api, credentials, denied } = worldOf('axios')
  const clientWith = (options) => {
    const client = axios.create()
    client.interceptors.request.use(mcaAuth({ ...options, origins: api }))
    return client
  }
  const client = clientWith(credentials)
  await exercise('axios', async (url) => (await client.get(url)).status)
  const error = await failureOf('axios', (url) => clientWith(denied).get(url))
  assert(error instanceof axios.AxiosError, 'an AxiosError of the application')
  assert(error.cause instanceof McaAuthError, 'caused by an McaAuthError')
}

exports.fetch = async ({ mcaAuth, McaAuthError }) => {
  const { api, credentials, denied } = worldOf('fetch')
  const client = mcaAuth({ ...credentials, origins: api })
  await exercise('fetch', async (url) => (await client(url)).status)
  const error = await failureOf('fetch', (url) => mcaAuth({ ...denied, origins: api })(url))
  assert(error instanceof McaAuthError)
}

exports.got = async ({ got, RequestError, mcaAuth }) => {
  const { api, credentials, denied } = worldOf('got')
  const client = got.extend(mcaAuth({ ...credentials, origins: api }))
  await exercise('got', async (url) => (await client(url)).statusCode)
  const other = got.extend(mcaAuth({ ...denied, origins: api }), { retry: { limit: 0 } })
  assert((await failureOf('got', (url) => other(url))) instanceof RequestError)
}

exports.undici = async ({ Agent, request, mcaAuth, McaAuthError }) => {
  const { api, credentials, denied } = worldOf('undici')
  const send = (options) => {
    const dispatcher = new Agent().compose(mcaAuth({ ...options, origins: api }))
    return async (url) => {
      const { statusCode, body } = await request(url, { dispatcher })
      await body.text()
      return statusCode
    }
  }
  await exercise('undici', send(credentials))
  assert((await failureOf('undici', send(denied))) instanceof McaAuthError)
}
