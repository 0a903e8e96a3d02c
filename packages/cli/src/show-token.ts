import type { AccessToken, McaAuthOptions } from '@mca-auth/core'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Report } from './report.js'

const shortLifeMs = 60_000
const toleranceMs = 60_000
/** Node takes 16 KiB of headers by default, many proxies 8. */
const largeBytes = 7 * 1024
const times = ['exp', 'iat', 'nbf', 'auth_time']

/** Says what a token grants, without showing it. */
export function showToken(report: Report, token: AccessToken, options: McaAuthOptions): void {
  report.conceal(token.accessToken)
  const jwt = read(token.accessToken)
  const size = Buffer.byteLength(token.accessToken)
  report.line('good', 'kind', `${token.tokenType}, ${jwt ? `a JWT (${jwt.algorithm})` : 'opaque'}, ${size} bytes`)
  if (size > largeBytes) {
    report.line('odd', 'size', 'larger than the headers that many proxies let pass')
    report.advice('have fewer claims put into it')
  }
  showLife(report, token, jwt?.claims.exp)
  showScope(report, token, options)
  for (const [name, value] of Object.entries(jwt?.claims ?? {})) report.line('plain', name, shown(name, value))
}

function showLife(report: Report, { issuedAt, expiresAt }: AccessToken, exp: unknown): void {
  const lifeMs = expiresAt - issuedAt
  report.line('good', 'lifetime', `${lifeMs / 1000} s, until ${new Date(expiresAt).toISOString()}`)
  if (lifeMs <= shortLifeMs) {
    report.line('odd', 'lifetime', 'so short that each process asks for tokens all the time')
    report.advice('have the server give a longer one: an hour is usual')
  }
  if (typeof exp === 'number' && Math.abs(exp * 1000 - expiresAt) > toleranceMs) {
    report.line('odd', 'lifetime', `its own \`exp\` is ${shown('exp', exp)}`)
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

/** `undefined` for what is no JWT. Nothing of it has been verified: a claim may hold anything. */
function read(token: string): { claims: Readonly<Record<string, unknown>>; algorithm: string } | undefined {
  try {
    return { claims: decodeJwt(token), algorithm: String(decodeProtectedHeader(token).alg) }
  } catch {
    return undefined
  }
}

function shown(name: string, value: unknown): string {
  const time = times.includes(name) && typeof value === 'number' ? new Date(value * 1000) : undefined
  if (time !== undefined && !Number.isNaN(time.getTime())) return time.toISOString()
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 199)}…` : text
}
