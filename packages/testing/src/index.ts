export type { AuthorizationServer } from './authorization-server.js'
export type { AuthorizationServerOptions } from './authorization-server-options.js'
export type { DpopRules, ProofVerdict, ProvenRequest } from './dpop-rules.js'
export { type Iam, type IamOptions, type IamTokenRequest, startIam } from './iam.js'
export type { IamAccount, TrustedProfile } from './iam-account.js'
export type { IbmService } from './ibm-services.js'
export {
  type InstanceMetadata,
  type InstanceMetadataOptions,
  type MetadataRequest,
  startInstanceMetadata,
} from './instance-metadata.js'
export { memoryTokenCache } from './memory-token-cache.js'
export {
  type AcceptedRequest,
  type ProtectedResource,
  type ProtectedResourceOptions,
  type ReceivedRequest,
  startProtectedResource,
} from './protected-resource.js'
export type { Reply } from './reply.js'
export type { ClientCertificates, ServerTls } from './server-tls.js'
export { type Requirement, sharedTokenCacheContract } from './shared-token-cache-contract.js'
export { startAuthorizationServer } from './start-authorization-server.js'
export type { VerifiedToken } from './token-issuer.js'
export type { ExchangedSubject, Users, UserTokenOptions } from './users.js'
