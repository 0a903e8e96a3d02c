export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export type { Fetch } from './call.js'
export { type FetchClientOptions, mcaAuth } from './mca-auth.js'
