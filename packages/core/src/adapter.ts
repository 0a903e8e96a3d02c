// For mca-auth's other packages; not for applications.
import { Attachment as ProviderAttachment } from './authorization/attachment.js'
import type { OutgoingRequest } from './authorization/authorization-options.js'
import { createTokenProvider } from './create-token-provider.js'
import type { McaAuthOptions } from './options.js'
import { internalsOf, type ProviderInternals } from './provider/provider-internals.js'
import type { TokenProvider } from './provider/token-provider.js'

export { type CarriedToken, unixSocket } from './authorization/attachment.js'
export type { OutgoingRequest } from './authorization/authorization-options.js'
export { type Found, type FoundCredentials, findCredentials, type Server } from './credentials/credentials.js'
export { type PlatformReader, platformReaders } from './credentials/platform-readers.js'
export { originOf, parseUrl } from './origin.js'
export type { PreparedTokenRequest } from './token-endpoint/token-request.js'

/** An attachment for a provider of ours, or for one of its own that these options make. */
export class Attachment<Request> extends ProviderAttachment<Request> {
  constructor(
    optionsOrProvider: McaAuthOptions | TokenProvider | undefined,
    describe: (request: Request) => OutgoingRequest,
  ) {
    super(toInternals(optionsOrProvider), describe)
  }
}

function toInternals(optionsOrProvider: McaAuthOptions | TokenProvider = {}): ProviderInternals {
  const given = internalsOf(optionsOrProvider)
  if (given !== undefined) return given
  if (typeof (optionsOrProvider as TokenProvider | null)?.getToken === 'function') {
    throw new TypeError('a TokenProvider must come from createTokenProvider()')
  }
  return internalsOf(createTokenProvider(optionsOrProvider as McaAuthOptions)) as ProviderInternals
}
