export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export { type GotError, type GotExtension, type GotOptions, type GotResponse, mcaAuth } from './mca-auth.js'
