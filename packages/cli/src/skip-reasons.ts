import type { SkipReason } from '@mca-auth/core'

/** For each reason on the channel `mca-auth:request:skipped`: what happened, and what to do. */
export const skipReasons: Readonly<Record<SkipReason, readonly [meaning: string, remedy: string]>> = {
  'origin-not-listed': [
    '`origins` does not list this origin',
    'list it, but only if that server may have the token; scheme, host and port must match',
  ],
  'origin-left': [
    'a redirect leads to an origin that must not have the token',
    'call the final URL, or list both in `origins`',
  ],
  'own-authorization': [
    'the request already has an Authorization header',
    'remove it: an SDK, `auth` of axios, `username` of got, or user and password in the URL set one',
  ],
  'token-request': ['the option `tokenRequest` returned false', 'return a token request, e.g. `{}`'],
  'no-incoming-token': [
    'the incoming request had no token to forward',
    'authenticate the caller first, or use a client without `incoming`',
  ],
  'token-endpoint': [
    'this is a token endpoint, which never gets a token',
    'nothing to do: it gets credentials instead',
  ],
}
