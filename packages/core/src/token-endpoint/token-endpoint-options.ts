import { type Checks, callable, duration, list, record } from '../validate.js'

/** Options for token requests. */
export interface TokenEndpointOptions {
  /** Scopes to request, space-separated or as a list (RFC 6749 §3.3). */
  readonly scope?: string | readonly string[] | undefined
  /** Resource indicators, absolute URIs (RFC 8707). */
  readonly resource?: string | readonly string[] | undefined
  /** Further parameters of the token request, e.g. `{ audience: 'https://api.example.com' }`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** Maximum time to wait for a token, all attempts together, in ms. @default 10_000 */
  readonly timeoutMs?: number | undefined
  /** The `fetch` used for token requests. @default the global `fetch` */
  readonly fetch?: typeof globalThis.fetch | undefined
}

export const tokenEndpointChecks: Checks<TokenEndpointOptions> = {
  scope: list,
  resource: list,
  parameters: (name, value) => record(`\`${name}\``, value),
  timeoutMs: (name, value) => duration(name, value, 1),
  fetch: callable,
}
