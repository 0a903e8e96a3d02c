import { McaAuthError } from '@mca-auth/core'

/** An invalid command line. The message does not repeat values: one may be a secret in the wrong place. */
export class UsageError extends Error {}

/** In the order of `--help`. */
export const exitCodes = [
  [0, 'success: a token was issued, if one was requested'],
  [1, 'an unexpected error, e.g. the output cannot be written'],
  [2, 'the command line is invalid'],
  [3, 'credentials are missing or malformed, or plain HTTP was refused'],
  [4, 'the token endpoint denied the request'],
  [5, 'the server is unreachable, failing, or rate-limiting'],
  [6, 'the URL is not a token endpoint, or not the issuer of the metadata there'],
  [7, 'doctor --url: the request goes without a token, or the resource rejects the token'],
] as const

export type ExitCode = (typeof exitCodes)[number][0]

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError || error instanceof TypeError) return 2
  if (!(error instanceof McaAuthError)) return 1
  switch (error.code) {
    case 'TOKEN_REQUEST_REFUSED':
      return 4
    case 'TOKEN_REQUEST_FAILED':
    case 'TOKEN_REQUEST_THROTTLED':
      return 5
    case 'TOKEN_RESPONSE_INVALID':
    case 'DISCOVERY_INVALID':
      return 6
    default:
      return 3
  }
}
