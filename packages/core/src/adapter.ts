// For packages that adapt an HTTP client to mca-auth; not for applications.
export { Attachment, type CarriedToken, unixSocket } from './attachment.js'
export type { OutgoingRequest } from './options.js'
export { originOf, parseUrl } from './origin.js'
export type { PreparedTokenRequest } from './token-request.js'
