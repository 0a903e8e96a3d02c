// For mca-auth's other packages; not for applications.
export { Attachment, type CarriedToken, unixSocket } from './authorization/attachment.js'
export { type Found, type FoundCredentials, findCredentials, type Server } from './credentials/credentials.js'
export { platformSources } from './credentials/platform.js'
export type { OutgoingRequest } from './options.js'
export { originOf, parseUrl } from './origin.js'
export type { PreparedTokenRequest } from './token-endpoint/token-request.js'
