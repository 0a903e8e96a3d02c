import type { AccessToken, McaAuthOptions } from '@mca-auth/core'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Report } from './report.js'

const shortLifetimeMs = 60_000
const toleranceMs = 60_000
/** Node accepts 16 KiB of headers by default, many proxies 8. */
const largeBytes = 7 * 1024
const maxNameLength = 40
const times = ['exp', 'iat', 'nbf', 'auth_time']

/** Shows what a token grants, but not the token. */
export function showToken(report: Report, token: AccessToken, options: McaAuthOptions): void {
  report.conceal(token.accessToken)
  const jwt = decode(token.accessToken)
  const size = Buffer.byteLength(token.accessToken)
  const kind = jwt ? `a JWT (${report.shortened(jwt.algorithm)})` : 'opaque'
  report.line('good', 'kind', `${token.tokenType}, ${kind}, ${size} bytes`)
  if (size > largeBytes) {
    report.line('warning', 'size', 'larger than the headers that many proxies accept')
    report.advice('configure the server to issue tokens with fewer claims')
  }
  showLifetime(report, token, jwt?.claims.exp)
  showScope(report, token, options)
  for (const [name, value] of Object.entries(jwt?.claims ?? {})) {
    report.line('plain', report.shortened(name, maxNameLength), report.shortened(textOf(name, value)))
  }
}

function showLifetime(report: Report, { issuedAt, expiresAt }: AccessToken, exp: unknown): void {
  const lifetimeMs = expiresAt - issuedAt
  report.line('good', 'lifetime', `${lifetimeMs / 1000} s, until ${new Date(expiresAt).toISOString()}`)
  if (lifetimeMs <= shortLifetimeMs) {
    report.line('warning', 'lifetime', 'so short that each process requests tokens constantly')
    report.advice('configure a longer one on the server: an hour is usual')
  }
  if (typeof exp === 'number' && Math.abs(exp * 1000 - expiresAt) > toleranceMs) {
    report.line('warning', 'lifetime', `its own \`exp\` is ${textOf('exp', exp)}`)
    report.advice('`expires_in` of the response and `exp` of the token should agree: check the server and the clocks')
  }
}

function showScope(report: Report, { scope }: AccessToken, options: McaAuthOptions): void {
  if (scope === undefined) return
  report.line('good', 'scope', scope)
  const granted = scope.split(' ')
  const requested = [options.scope ?? []].flat().flatMap((some) => some.split(' '))
  const missing = requested.filter((one) => one !== '' && !granted.includes(one))
  if (missing.length === 0) return
  report.line('warning', 'scope', `not granted: ${missing.join(' ')}`)
  report.advice('have these granted to the client, or stop requesting them')
}

/** `undefined` for anything but a JWT. The signature has not been verified: a claim may contain anything. */
function decode(token: string): { claims: Readonly<Record<string, unknown>>; algorithm: string } | undefined {
  try {
    return { claims: decodeJwt(token), algorithm: String(decodeProtectedHeader(token).alg) }
  } catch {
    return undefined
  }
}

function textOf(name: string, value: unknown): string {
  const time = times.includes(name) && typeof value === 'number' ? new Date(value * 1000) : undefined
  if (time !== undefined && !Number.isNaN(time.getTime())) return time.toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value)
}
