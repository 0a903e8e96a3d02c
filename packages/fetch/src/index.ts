export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export { type Fetch, mcaAuth } from './mca-auth.js'
