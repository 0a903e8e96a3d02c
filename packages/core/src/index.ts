export type { OutgoingRequest } from './authorization/authorization-options.js'
export { forwardIncoming, type IncomingRequest } from './authorization/incoming.js'
export { createTokenProvider } from './create-token-provider.js'
export type { ClientAuth } from './credentials/client-authentication.js'
export type { Grant } from './credentials/grant.js'
export { type IbmIamSettings, type IbmTrustedProfile, ibmIam } from './credentials/ibm-iam.js'
export { McaAuthError, type McaAuthErrorCode, type McaAuthErrorDetails } from './error.js'
export {
  getAuthorizationHeader,
  getAuthorizationHeader as getAuthorizationHeaderBySecret,
  getAuthorizationHeaderFromIncomingRequest,
} from './get-authorization-header.js'
export type { McaAuthOptions } from './options.js'
export type { AccessToken } from './provider/access-token.js'
export type { RefreshPolicy, TokenState } from './provider/refresh-policy.js'
export type {
  CachingTokenProvider,
  GetTokenOptions,
  TokenProvider,
  TokenProviderHealth,
} from './provider/token-provider.js'
export type { SharedToken, SharedTokenCache } from './shared-cache/shared-token-cache.js'
export type { McaAuthChannels, SkippedRequest, SkipReason, TokenFailure, TokenSubject } from './telemetry.js'
export type { TokenRequest } from './token-endpoint/token-request.js'
