import type { ClientAuth } from './client-authentication.js'
import { type CredentialPart, partOf, type Reading, type TokenRequestDraft, withPart } from './credential-part.js'
import { callFunction } from './user-function.js'

/**
 * The grant of a token request: `(as, client, body, headers) => void | Promise<void>` sets `grant_type` and its parameters
 * in `body`, the form. It is called for each token request, before the client's authentication is added.
 * `client.client_id` is empty if there is no `clientId`.
 *
 * A custom function shares tokens through a `sharedCache` only if the option `identity` says whose they are.
 *
 * @example
 * ```ts
 * import { createTokenProvider, type Grant } from '@mca-auth/core'
 *
 * const deviceToken: Grant = (_as, _client, body) => {
 *   body.set('grant_type', 'urn:example:params:oauth:grant-type:device-token')
 *   body.set('device_token', process.env.DEVICE_TOKEN ?? '')
 * }
 * createTokenProvider({ tokenEndpoint: 'https://idp.example.com/token', grant: deviceToken })
 * ```
 */
export type Grant = ClientAuth

const nothing: Reading = { text: '', owner: '', isShareable: true, secrets: [], write: () => {} }

/** RFC 6749 §4.4. `grant_type` is already set. */
const clientCredentials: CredentialPart = {
  name: 'client credentials',
  settings: ['client-credentials'],
  sharedSettings: ['client-credentials'],
  isShareable: true,
  canChange: false,
  read: () => nothing,
}

/** The grant for the tokens of the service itself. */
export function grantPart(grant: Grant | undefined): CredentialPart {
  const part = partOf(grant)
  // A grant that exchanges the tokens of callers presents nothing for the service itself.
  if (grant === undefined || part?.forSubject !== undefined) return clientCredentials
  return part ?? ownFunction('grant', grant)
}

/** The user's own function. Other processes cannot compare it. */
export function ownFunction(option: 'grant' | 'clientAuth', write: ClientAuth): CredentialPart {
  const reading: Reading = {
    text: '',
    owner: '',
    isShareable: false,
    secrets: [],
    write: ({ server, clientId, body, headers }) =>
      callFunction(option, () => write(server, { client_id: clientId ?? '' }, body, headers)),
  }
  const own = { settings: [option, write], sharedSettings: ['function'], isShareable: false, canChange: false }
  return { ...own, name: `a \`${option}\` function`, read: () => reading }
}

/** Wraps a part in a function, as the option `grant` or `clientAuth` requires. */
export function asFunction(option: 'grant' | 'clientAuth', part: CredentialPart): ClientAuth {
  const write: ClientAuth = async (server, client, body, headers) => {
    const reading = await part.read()
    const draft: TokenRequestDraft = {
      ...{ server, body, headers, now: Date.now(), hints: [] },
      issuerIsKnown: server.issuer !== server.token_endpoint,
      clientId: client.client_id === '' ? undefined : client.client_id,
    }
    await reading.write(draft)
  }
  return withPart(write, { ...part, option })
}
