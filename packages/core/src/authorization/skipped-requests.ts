import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'

/** Why a request went without a token of ours. */
export type SkipReason =
  | 'origin-not-listed'
  | 'origin-left'
  | 'own-authorization'
  | 'token-request'
  | 'no-incoming-token'
  | 'token-endpoint'

/** The message on the channel `mca-auth:request:skipped`. */
export interface SkippedRequest {
  /** The adapter: `axios`, `got`, `undici`, `fetch`. */
  readonly client: string
  /** Where the request goes; never its path or query. */
  readonly origin: string
  readonly reason: SkipReason
}

const skipped = channel('mca-auth:request:skipped')
const debug = debuglog('mca-auth')

/** Answers "why did this request go without a token?". Costs nothing while nobody listens. */
export function reportSkipped(client: string, origin: string | undefined, reason: SkipReason): void {
  if (skipped.hasSubscribers) skipped.publish({ client, origin: origin ?? '', reason } satisfies SkippedRequest)
  if (debug.enabled) debug('%s sent a request to %s without a token: %s', client, origin ?? 'a hidden origin', reason)
}
