export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export { mcaAuth } from './mca-auth.js'
export type { AxiosConfig } from './send.js'
