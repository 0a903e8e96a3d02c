export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export { type GotExtension, mcaAuth } from './mca-auth.js'
