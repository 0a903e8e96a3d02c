import type { Reply } from './reply.js'
import type { VerifiedToken } from './token-issuer.js'

/** As RFC 6750 §3.1 has it: a challenge without an error for a request without a token, 403 for a missing scope. */
export function bearerRefusal(
  scope: string | undefined,
  authorization: string | undefined,
  token: VerifiedToken | undefined,
): Reply | undefined {
  const challenge = (status: number, parameters: string, body: string): Reply => {
    return { status, headers: { 'www-authenticate': `Bearer realm="test"${parameters}` }, body }
  }
  if (token === undefined) {
    const error = authorization === undefined ? '' : ', error="invalid_token"'
    return challenge(401, error, 'Unauthorized')
  }
  const granted = token.scope.split(' ')
  const isMissing = scope?.split(' ').some((name) => !granted.includes(name)) === true
  return isMissing ? challenge(403, `, error="insufficient_scope", scope="${scope}"`, 'Forbidden') : undefined
}

/** As App ID's APIStrategy: 401 also for a scope that is missing. */
export function appIdRefusal(
  clientId: string,
  scope: string | undefined,
  token: VerifiedToken | undefined,
): Reply | undefined {
  const challenge = (text: string, error: string): Reply => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer scope="${text}", error="${error}"` },
    body: 'Unauthorized',
  })
  const wanted = ['appid_default', scope].filter(Boolean).join(' ')
  if (token === undefined) return challenge(wanted, 'invalid_token')
  if (!token.audience.includes(clientId)) {
    const mismatch = `audience mismatch. expected:${clientId} got:${token.audience.join(' ')}`
    return challenge(mismatch, 'insufficient_scope')
  }
  const granted = token.scope.split(' ')
  const missing = wanted.split(' ').some((name) => !granted.includes(name))
  return missing ? challenge(wanted, 'insufficient_scope') : undefined
}

/** As MCA's token-validation strategy: 400 without a challenge for what is not a bearer token at all. */
export function mcaRefusal(
  tenantId: string,
  authorization: string | undefined,
  token: VerifiedToken | undefined,
): Reply | undefined {
  const challenge = (error: string): Reply => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="imfAuthentication"${error}` },
    body: 'Unauthorized',
  })
  if (authorization === undefined) return challenge('')
  const [scheme, credential] = authorization.split(' ')
  if (scheme !== 'Bearer' || !credential) return { status: 400, body: 'Bad Request' }
  return token?.audience.includes(tenantId) ? undefined : challenge(', error="invalid_token"')
}
