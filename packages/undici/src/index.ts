export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export { type Dispatch, mcaAuth } from './mca-auth.js'
