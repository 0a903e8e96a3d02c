import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Report } from './report.js'

/** Fields of a token request that hold a JWT, and the names to show for them. */
const presented: Readonly<Record<string, string>> = {
  assertion: 'assertion',
  client_assertion: 'client assertion',
  cr_token: 'token of the compute resource',
  subject_token: 'subject token',
}
const soonSeconds = 60

/** Shows the issuer, key, audience and expiry of the JWT that a token request presented, but not the JWT itself. */
export function showPresented(report: Report, form: URLSearchParams): void {
  for (const [field, name] of Object.entries(presented)) {
    const token = form.get(field)
    if (token !== null) showJwt(report, name, token)
  }
}

function showJwt(report: Report, name: string, token: string): void {
  const jwt = decode(token)
  if (jwt === undefined) {
    report.line('plain', name, 'not a JWT, so its expiry is unknown')
    return
  }
  const { alg, kid, iss, sub, aud, exp } = jwt
  const key = kid === undefined ? 'no `kid`' : `key ${textOf(report, kid)}`
  report.line('plain', name, `signed with ${textOf(report, alg)}, ${key}`)
  report.line('plain', '', `iss ${textOf(report, iss)}, sub ${textOf(report, sub)}, aud ${textOf(report, aud)}`)
  // Assertions that we sign have a lifetime of a minute.
  if (typeof exp === 'number') showExpiry(report, exp, name !== presented.client_assertion || iss !== sub)
}

function showExpiry(report: Report, exp: number, isRenewedByOthers: boolean): void {
  const seconds = Math.round(exp - Date.now() / 1000)
  report.line('plain', '', `expires in ${seconds} s, at ${dateOf(exp)}`)
  if (seconds >= soonSeconds || !isRenewedByOthers) return
  report.line('warning', '', 'it expires soon')
  report.advice('make sure that the program that writes this token renews it in time')
}

function decode(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return { ...decodeJwt(token), ...decodeProtectedHeader(token) }
  } catch {
    return undefined
  }
}

function textOf(report: Report, value: unknown): string {
  return value === undefined ? 'none' : report.shortened(typeof value === 'string' ? value : JSON.stringify(value))
}

function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? 'an impossible time' : date.toISOString()
}
