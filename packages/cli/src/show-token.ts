import type { AccessToken, McaAuthOptions } from '@mca-auth/core'
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose'
import type { Report } from './report.js'

const shortLifeMs = 60_000
const toleranceMs = 60_000
/** Node takes 16 KiB of headers by default, many proxies 8. */
const largeBytes = 7 * 1024
const times = ['exp', 'iat', 'nbf', 'auth_time']

/** Says what a token grants, without showing it. */
export function showToken(report: Report, token: AccessToken, options: McaAuthOptions): void {
  report.conceal(token.accessToken)
  const claims = claimsOf(token.accessToken)
  const size = Buffer.byteLength(token.accessToken)
  report.line(
    'good',
    'kind',
    `${token.tokenType}, ${claims ? `a JWT (${algorithmOf(token)})` : 'opaque'}, ${size} bytes`,
  )
  if (size > largeBytes) {
    report.line('odd', 'size', 'larger than the headers that many proxies let pass')
    report.advice('have fewer claims put into it')
  }
  showLife(report, token, claims)
  showScope(report, token, options)
  for (const [name, value] of Object.entries(claims ?? {})) report.line('plain', name, shown(name, value))
}

function showLife(report: Report, { issuedAt, expiresAt }: AccessToken, claims: JWTPayload | undefined): void {
  const lifeMs = expiresAt - issuedAt
  report.line('good', 'lifetime', `${lifeMs / 1000} s, until ${new Date(expiresAt).toISOString()}`)
  if (lifeMs <= shortLifeMs) {
    report.line('odd', 'lifetime', 'so short that each process asks for tokens all the time')
    report.advice('have the server give a longer one: an hour is usual')
  }
  if (claims?.exp !== undefined && Math.abs(claims.exp * 1000 - expiresAt) > toleranceMs) {
    report.line('odd', 'lifetime', `its own \`exp\` is ${new Date(claims.exp * 1000).toISOString()}`)
    report.advice(
      '`expires_in` of the response and `exp` of the token should agree: look at the server, and the clocks',
    )
  }
}

function showScope(report: Report, { scope }: AccessToken, options: McaAuthOptions): void {
  if (scope === undefined) return
  report.line('good', 'scope', scope)
  const granted = scope.split(' ')
  const asked = [options.scope ?? []].flat().flatMap((some) => some.split(' '))
  const denied = asked.filter((one) => one !== '' && !granted.includes(one))
  if (denied.length === 0) return
  report.line('odd', 'scope', `not granted: ${denied.join(' ')}`)
  report.advice('have these granted to the client, or do without')
}

function claimsOf(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token)
  } catch {
    return undefined
  }
}

function algorithmOf({ accessToken }: AccessToken): string {
  return String(decodeProtectedHeader(accessToken).alg)
}

function shown(name: string, value: unknown): string {
  if (times.includes(name) && typeof value === 'number') return new Date(value * 1000).toISOString()
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}
