export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export { type AxiosConfig, mcaAuth } from './mca-auth.js'
