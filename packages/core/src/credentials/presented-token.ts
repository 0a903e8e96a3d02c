import { McaAuthError } from '../error.js'
import type { Reading, TokenRequestDraft } from './credential-part.js'
import { claimsOf } from './jwt-claims.js'
import { type SourceText, unusable } from './text-source.js'

/** The presented credential of a part that consists of tokens. An expired one is reported as such, without a request. */
export function tokenReading(tokens: readonly SourceText[], write: (draft: TokenRequestDraft) => void): Reading {
  const texts = tokens.map(({ text }) => text)
  return {
    text: JSON.stringify(texts),
    owner: JSON.stringify(tokens.map(ownerOfToken)),
    isShareable: true,
    secrets: texts,
    write: (draft) => {
      for (const token of tokens) checkExpiry(token, draft.now)
      write(draft)
    },
  }
}

/**
 * The same for a grant that also presents the token of an incoming request, whose expiry has already been checked. The
 * token is sent, so it is masked in any case.
 */
export function subjectReading(
  subjectToken: string,
  others: readonly SourceText[],
  write: (draft: TokenRequestDraft) => void,
): Reading {
  return { ...tokenReading(others, write), names: () => namesIn(subjectToken) }
}

/** The error of a grant that has nothing to present until there is an incoming request. */
export function missingSubject(): never {
  throw new McaAuthError(
    'MISSING_INCOMING_TOKEN',
    'this grant presents the token of an incoming request, and there is none',
  )
}

/** Claims about the token and the client, which a server's message may need (RFC 7519 §4.1, RFC 8693 §4, RFC 9068 §2.2). */
const impersonalClaims = new Set([
  ...[
    'iss',
    'aud',
    'azp',
    'appid',
    'client_id',
    'scope',
    'scp',
    'typ',
    'token_type',
    'idtyp',
    'ver',
    'acr',
    'appidacr',
  ],
  ...['tid', 'tenant'],
])
/** Limits the time for masking, since a caller may present any token. */
const maxNames = 32
const maxNameLength = 500

/**
 * The texts in a token that name its subject: a server that denies an exchange may quote them. Parts of a JWT also reveal
 * the user.
 */
function namesIn(token: string): string[] {
  const claims = Object.entries(claimsOf(token) ?? {}).filter(([name]) => !impersonalClaims.has(name))
  // `sub` first (RFC 7519 §4.1.2): of very many claims, only some are masked.
  claims.sort(([a], [b]) => Number(b === 'sub') - Number(a === 'sub'))
  const names = claims
    .filter(([claim, name]) => isName(name, claim === 'sub' ? 1 : 3))
    .map(([, name]) => name as string)
  const parts = token
    .split('.')
    .slice(1, 5)
    .filter((part) => part.length >= 16)
  return [...parts, ...names.slice(0, maxNames)]
}

function isName(value: unknown, minLength: number): boolean {
  return typeof value === 'string' && value.length >= minLength && value.length <= maxNameLength
}

/**
 * Identifies the subject of a token: `iss` and `sub` of a JWT from a file or a function, so that a token that is renewed each
 * hour keeps its owner; otherwise the whole token. A JWT is not verified before the cache is searched, and a text may come
 * from anywhere: with forged claims, it must not find the token of another subject.
 */
function ownerOfToken({ text, canChange }: SourceText): readonly unknown[] {
  const { iss, sub } = (canChange && claimsOf(text)) || {}
  const isNamed = [iss, sub].every((claim) => typeof claim === 'string' && claim !== '')
  return isNamed ? ['jwt', iss, sub] : ['opaque', text]
}

/**
 * @param now - the server's time, in ms since the epoch.
 * @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` if it is a JWT that has expired (RFC 7519 §4.1.4).
 */
function checkExpiry({ text, from }: SourceText, now: number): void {
  const exp = claimsOf(text)?.exp
  if (typeof exp !== 'number' || exp * 1000 > now) return
  throw unusable(
    `${from} has expired, ${duration(now - exp * 1000)} ago by this machine's clock: renew it, or correct the clock`,
  )
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`
}
