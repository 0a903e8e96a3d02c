// For mca-auth's other packages; not for applications.
export { Attachment, type CarriedToken, unixSocket } from './attachment.js'
export { type Found, type FoundCredentials, findCredentials, type Server } from './credentials.js'
export type { OutgoingRequest } from './options.js'
export { originOf, parseUrl } from './origin.js'
export { platformSources } from './platform.js'
export type { PreparedTokenRequest } from './token-request.js'
