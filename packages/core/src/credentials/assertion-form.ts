import type { TokenRequestDraft } from './credential-part.js'

/** The common prefix of the registered types of client assertions (RFC 7521 §4.2). */
export const assertionTypes = 'urn:ietf:params:oauth:client-assertion-type:'

/** RFC 7521 §4.2: the assertion names the client. Servers that look the client up by its id still require it. */
export function addAssertion({ body, clientId }: TokenRequestDraft, assertion: string, type?: string): void {
  if (clientId !== undefined) body.set('client_id', clientId)
  body.set('client_assertion_type', type ?? `${assertionTypes}jwt-bearer`)
  body.set('client_assertion', assertion)
}
