import type { CredentialPart, OwnSending } from '../credentials/credential-part.js'
import { McaAuthError } from '../error.js'
import { FailedAttempt, failedCredentials, withMessage } from './failed-attempt.js'
import { printable } from './printable.js'
import type { PreparedTokenRequest } from './token-request.js'
import { readTokenResponse, type TokenResponse, tokenIn } from './token-response.js'
import { isResponse, type Wire } from './wire.js'

/**
 * Sends for a grant that does not use OAuth's token request. Its result is evaluated like the response of a token endpoint.
 *
 * @param location - the location of the server, `undefined` for a function of the user's.
 * @throws FailedAttempt
 */
export async function sendByItself(
  { name, send }: CredentialPart,
  location: string | undefined,
  request: PreparedTokenRequest,
  wire: Wire,
  signal: AbortSignal,
): Promise<TokenResponse> {
  const issuedAt = Date.now()
  const what = location === undefined ? `the ${name}` : `${name} on ${new URL(location).origin}`
  const hints: string[] = []
  const sending: OwnSending = {
    ...{ ...requestedBy(request), signal, hints },
    fetch: (url, { method, headers, body }) =>
      wire.send(url.href, method, { ...headers, 'user-agent': 'mca-auth' }, body),
    tokenIn: async (response) => (await readTokenResponse(response, issuedAt, what, wire.mask)).accessToken,
  }
  try {
    const answer: unknown = await send?.(sending)
    if (isResponse(answer)) return await readTokenResponse(answer, issuedAt, what, wire.mask)
    const fields = (typeof answer === 'object' && answer !== null ? answer : {}) as Readonly<Record<string, unknown>>
    const token = tokenIn(fields, issuedAt, null)
    if (typeof token !== 'string') return token
    throw new FailedAttempt('bad', new McaAuthError('TOKEN_RESPONSE_INVALID', `${what} returned ${printable(token)}`))
  } catch (error) {
    const failure = failedCredentials(error) ?? wire.failure(`the request to ${what}`, error)
    if (failure.kind !== 'denied' || hints.length === 0) throw failure
    throw new FailedAttempt('denied', withMessage(failure.error, [failure.error.message, ...hints].join('; ')))
  }
}

/** Restores the token request from the form that it was turned into. */
function requestedBy({ parameters }: PreparedTokenRequest): Pick<OwnSending, 'scope' | 'resource' | 'parameters'> {
  const resource = parameters.getAll('resource')
  const further = [...parameters].filter(([name]) => name !== 'scope' && name !== 'resource')
  return {
    scope: parameters.get('scope') ?? undefined,
    resource: resource.length === 0 ? undefined : resource,
    parameters: further.length === 0 ? undefined : Object.fromEntries(further),
  }
}
