import type { CredentialPart } from './credential-part.js'
import { callFunction } from './user-function.js'

/** The token request of `getToken()`. */
export interface TokenSourceRequest {
  /** Scopes, space-separated. */
  readonly scope: string | undefined
  /** Resource indicators (RFC 8707). */
  readonly resource: readonly string[] | undefined
  /** Further parameters of the token request. */
  readonly parameters: Readonly<Record<string, string>> | undefined
  /** Aborts at the deadline of `timeoutMs`, and when the provider is closed. */
  readonly signal: AbortSignal
}

/** A token as OAuth names its fields (RFC 6749 §5.1). */
export interface SourcedToken {
  /** The token. It is sent as is. */
  readonly access_token: string
  /** The lifetime in seconds. @default the `exp` of a JWT, otherwise 300 */
  readonly expires_in?: number | undefined
  /** `Bearer`, or left out. */
  readonly token_type?: string | undefined
  /** The granted scopes, space-separated, if they differ from the requested ones. */
  readonly scope?: string | undefined
}

/**
 * Returns a token from anything that is not a token endpoint: another vendor's credential, or a service with its own
 * protocol. Like a token request, it is called once for all waiting callers. The token is cached and refreshed, and failures
 * are remembered.
 *
 * @example
 * ```ts
 * import { createTokenProvider } from '@mca-auth/core'
 *
 * createTokenProvider({
 *   source: async ({ signal }) => {
 *     const body = JSON.stringify({ apikey: process.env.MCSP_APIKEY })
 *     const headers = { 'content-type': 'application/json' }
 *     const url = 'https://account-iam.platform.saas.ibm.com/api/2.0/apikeys/token'
 *     const response = await fetch(url, { method: 'POST', headers, body, signal })
 *     if (!response.ok) throw new Error(`no token: ${response.status}`)
 *     const { token, expires_in } = (await response.json()) as { token: string; expires_in: number }
 *     return { access_token: token, expires_in }
 *   },
 * })
 * ```
 */
export type TokenSource = (request: TokenSourceRequest) => SourcedToken | Promise<SourcedToken>

export function sourcePart(source: TokenSource): CredentialPart {
  return {
    name: '`source` function',
    settings: ['source', source],
    sharedSettings: ['function'],
    isShareable: false,
    canChange: false,
    send: ({ scope, resource, parameters, signal }) =>
      callFunction('source', async () => ({ ...(await source({ scope, resource, parameters, signal })) })),
    read: () => ({ text: '', owner: '', isShareable: false, secrets: [], write: () => {} }),
  }
}
