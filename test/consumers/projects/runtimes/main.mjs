import { McaAuthError } from '@mca-auth/core'
import clients from './clients.cjs'

const [client] = process.argv.slice(2)
const { mcaAuth } = await import(`@mca-auth/${client}`)
const { default: byDefault, ...named } = client === 'fetch' ? {} : await import(client)
await clients[client]({ ...named, [client]: byDefault, mcaAuth, McaAuthError })
