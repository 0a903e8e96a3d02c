export type { AccessToken } from './access-token.js'
export type { ClientAuth } from './client-authentication.js'
export { McaAuthError, type McaAuthErrorCode, type McaAuthErrorDetails } from './error.js'
export {
  getAuthorizationHeader,
  getAuthorizationHeader as getAuthorizationHeaderBySecret,
  getAuthorizationHeaderFromIncomingRequest,
} from './get-authorization-header.js'
export { forwardIncoming, type IncomingRequest } from './incoming.js'
export type { McaAuthOptions, OutgoingRequest } from './options.js'
export type { RefreshPolicy, TokenState } from './refresh-policy.js'
export type { SharedToken, SharedTokenCache } from './shared-token-cache.js'
export type { McaAuthChannels, TokenFailure, TokenSubject } from './telemetry.js'
export { createTokenProvider, type TokenProvider, type TokenProviderHealth } from './token-provider.js'
export type { TokenRequest } from './token-request.js'
