export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export type { AxiosConfig } from './axios-config.js'
export { mcaAuth } from './mca-auth.js'
