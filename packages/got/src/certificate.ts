import type { RequestAuthorization } from '@mca-auth/core/adapter'
import type { GotOptions, NativeOptions } from './got-options.js'

/**
 * Gives the connection the client certificate that the token is bound to, unless the caller has set an agent or a
 * certificate. Changes only the options that got passes to Node.js for this sending: a redirect or a retry gets its own.
 */
export function addCertificate(
  native: NativeOptions,
  { agent, http2 }: GotOptions,
  certificate: RequestAuthorization['certificate'],
): void {
  if (certificate === undefined || agent?.https !== undefined) return
  if ([native.cert, native.key, native.pfx].some((own) => own !== undefined && own !== null)) return
  if (http2 !== true) native.agent = certificate.agent
  // Clients for HTTP/2 pool connections by their options.
  else if (agent?.http2 === undefined) Object.assign(native, certificate.tlsOptions(native))
}
