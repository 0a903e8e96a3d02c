// The protocol for adapters of HTTP clients.
export type { OutgoingRequest } from './authorization/authorization-options.js'
export { unixSocket } from './authorization/origin-rule.js'
export type { RequestAuthorization } from './authorization/request-authorization.js'
export type { RequestAuthorizer } from './authorization/request-authorizer.js'
export {
  bodySnapshot,
  isReusable,
  maxRecordedBytes,
  type RequestBody,
  requestBody,
  whileBodyWaits,
} from './authorization/request-body.js'
export { headerValues, type ResponseHeaders } from './authorization/response-headers.js'
export type { AuthorizationHeaders, BeginRequest, Sending, Verdict } from './authorization/sending.js'
export { type ClientOptions, createRequestAuthorizer } from './create-request-authorizer.js'
// For the command line, not for adapters.
export { type Found, type FoundCredentials, findCredentials, type Server } from './credentials/credentials.js'
export { type PlatformReader, platformReaders } from './credentials/platform-readers.js'
export { originOf, parseUrl } from './origin.js'
