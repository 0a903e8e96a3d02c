// The syntax for a CommonJS file in which `import` is not transformed.
import core = require('@mca-auth/core')
import auth = require('@mca-auth/axios')
import axios = require('axios')
import exercise = require('./exercise.cjs')

async function main(): Promise<void> {
  const { api, credentials, denied } = exercise.worldOf('axios')
  const client = axios.create()
  client.interceptors.request.use(auth.mcaAuth({ ...credentials, origins: api }))
  await exercise.exercise('axios', async (url) => (await client.get(url)).status)
  const other = axios.create()
  other.interceptors.request.use(auth.mcaAuth({ ...denied, origins: api }))
  const error = await exercise.failureOf('axios', (url) => other.get(url))
  if (!(error instanceof axios.AxiosError && error.cause instanceof core.McaAuthError)) throw error
}

function wrong(): unknown {
  // @ts-expect-error a misspelt option
  return auth.mcaAuth({ origin: 'https://orders.example.com' })
}

main().catch((error: unknown) => {
  console.error(error, wrong)
  process.exitCode = 1
})
