import type { TokenRequest } from '../token-endpoint/token-request.js'
import { boolean, type Checks, callable, list } from '../validate.js'
import { OriginList } from './origin-rule.js'
import type { OutgoingRequest } from './outgoing-request.js'

/** Which requests carry a token, and which token. */
export interface AuthorizationOptions {
  /**
   * Origins that may be sent a token: exact ones, e.g. `'https://api.example.com'`, or any subdomain,
   * `'https://*.example.com'`. Listing an `http:` origin is consent to send it a token over plain HTTP.
   * @default the origin that the caller addresses, for each request
   */
  readonly origins?: string | readonly string[] | undefined
  /**
   * Inside `forwardIncoming()`, `'forward'` sends the incoming request's token to `origins` (required), or no token if
   * it had none; outside, our own. `'exchange'` sends `origins` (required) a token on behalf of the caller, which it
   * requests in exchange for the incoming request's (RFC 8693); without one, and outside `forwardIncoming()`, the request
   * fails with `MISSING_INCOMING_TOKEN`. `'ignore'` always sends our own.
   * @default 'ignore'
   */
  readonly incoming?: 'forward' | 'ignore' | 'exchange' | undefined
  /** Allow plain HTTP beyond loopback, and through a proxy, for the token endpoint and for requests. @default false */
  readonly allowInsecureRequests?: boolean | undefined
  /**
   * Chooses scope or resource for each outgoing request; `false` sends it without a token, and `{}` requests the token
   * that the options describe. Must be synchronous. It is called again, with `challenge`, if a resource in `origins`
   * demands more scope. Only then may it return `undefined`; `undefined` or `false` delivers the response.
   */
  readonly tokenRequest?: ((outgoing: OutgoingRequest) => TokenRequest | false | undefined) | undefined
}

const incomingModes: readonly unknown[] = ['forward', 'exchange', 'ignore']

export const authorizationChecks: Checks<AuthorizationOptions> = {
  origins: (name, value) => {
    const origins = list(name, value)
    if (origins.length === 0) throw new TypeError(`\`${name}\` must name at least one origin`)
    new OriginList(origins)
  },
  incoming: (name, value) => {
    if (incomingModes.includes(value)) return
    throw new TypeError(`\`${name}\` must be 'forward', 'exchange' or 'ignore'`)
  },
  allowInsecureRequests: boolean,
  tokenRequest: callable,
}

/** @throws TypeError if the callers' tokens should be used without a list of origins that may have them. */
export function checkIncoming({ incoming = 'ignore', origins }: AuthorizationOptions): void {
  if (incoming === 'ignore' || origins !== undefined) return
  throw new TypeError(`\`incoming: '${incoming}'\` needs \`origins\`: the callers' tokens go nowhere else`)
}
