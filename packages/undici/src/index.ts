export type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
export type { Dispatch } from './dispatch-options.js'
export { mcaAuth } from './mca-auth.js'
