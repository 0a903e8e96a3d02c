import { type CredentialPart, partOf } from './credential-part.js'
import type { Grant } from './grant.js'
import { tokenExchange } from './token-exchange.js'

/** A grant that presents the token of an incoming request. */
export type ExchangeGrant = CredentialPart & Required<Pick<CredentialPart, 'forSubject'>>

/** How the tokens of incoming requests are exchanged; `undefined` if the `grant` presents its own token, or none. */
export function exchangeGrant(grant: Grant | undefined): ExchangeGrant | undefined {
  const part = partOf(grant ?? tokenExchange())
  return part !== undefined && isExchange(part) ? part : undefined
}

function isExchange(part: CredentialPart): part is ExchangeGrant {
  return part.forSubject !== undefined
}

/** The options for the exchange of incoming requests' tokens. */
interface ExchangeOptions {
  readonly incoming?: 'forward' | 'ignore' | 'exchange' | undefined
  readonly grant?: Grant | undefined
  readonly source?: unknown
  readonly service?: unknown
}

/** @throws TypeError for a grant that cannot exchange the tokens of incoming requests, or can do nothing else. */
export function checkExchange({ incoming, grant, source, service }: ExchangeOptions): void {
  const part = partOf(grant)
  if (incoming !== 'exchange') {
    if (part?.forSubject === undefined) return
    throw new TypeError(
      `this \`grant\` (${part.name}) presents no token: give it one, or set \`incoming: 'exchange'\` to exchange those of incoming requests`,
    )
  }
  for (const [name, given] of Object.entries({ source, service })) {
    if (given === undefined) continue
    throw new TypeError(`\`${name}\` cannot be combined with \`incoming: 'exchange'\`: it does not exchange tokens`)
  }
  if (grant === undefined || part?.forSubject !== undefined) return
  throw new TypeError(
    "with `incoming: 'exchange'`, the `grant` must present the incoming request's token: use `tokenExchange()` " +
      'without `subjectToken`, or `jwtBearer()` without `assertion`',
  )
}
