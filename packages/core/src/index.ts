export { forwardIncoming, type IncomingRequest } from './authorization/incoming.js'
export type { OutgoingRequest, ScopeChallenge } from './authorization/outgoing-request.js'
export { createTokenProvider } from './create-token-provider.js'
export type { PemSource } from './credentials/certificate/certificate-sources.js'
export {
  type ClientCertificate,
  type ClientCertificateSettings,
  clientCertificate,
} from './credentials/certificate/client-certificate.js'
export { type ClientAssertionSettings, clientAssertion } from './credentials/client-assertion.js'
export type { ClientAuth } from './credentials/client-authentication.js'
export type { Grant } from './credentials/grant.js'
export { type IbmIamSettings, type IbmTrustedProfile, ibmIam } from './credentials/ibm-iam.js'
export { type IbmVpcSettings, ibmVpc } from './credentials/ibm-vpc.js'
export { type JwtBearerSettings, jwtBearer } from './credentials/jwt-bearer.js'
export type { PrivateJwk, PrivateKeyInput, PrivateKeyJwtSettings, Signer } from './credentials/private-key.js'
export { privateKeyJwt } from './credentials/private-key-jwt.js'
export type { TextSource } from './credentials/text-source.js'
export { type TokenExchangeSettings, tokenExchange } from './credentials/token-exchange.js'
export type { SourcedToken, TokenSource, TokenSourceRequest } from './credentials/token-source.js'
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
  HeadersForOptions,
  RequestHeaders,
  TokenProvider,
  TokenProviderHealth,
} from './provider/token-provider.js'
export type { SharedToken, SharedTokenCache } from './shared-cache/shared-token-cache.js'
export type {
  IgnoredCertificate,
  McaAuthChannels,
  NonceChallenge,
  SharedCacheFailure,
  SkippedRequest,
  SkipReason,
  TokenFailure,
  TokenSubject,
} from './telemetry.js'
export type { TokenRequest } from './token-endpoint/token-request.js'
