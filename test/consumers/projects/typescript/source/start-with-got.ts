// got is an ES module, so only ES modules can import it in every version of TypeScript.
import { strict as assert } from 'node:assert'
import { mcaAuth } from '@mca-auth/got'
import got, { RequestError } from 'got'
import { exercise, failureOf, worldOf } from './exercise.cjs'
import { main } from './main.js'

await main()
const { api, credentials, denied } = worldOf('got')
const client = got.extend(mcaAuth({ ...credentials, origins: api }))
await exercise('got', async (url) => (await client(url)).statusCode)
const other = got.extend(mcaAuth({ ...denied, origins: api }), { retry: { limit: 0 } })
assert((await failureOf('got', (url) => other(url))) instanceof RequestError)
