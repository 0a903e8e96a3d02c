export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export { McaAuthenticator, type RequestOptions } from './mca-authenticator.js'
