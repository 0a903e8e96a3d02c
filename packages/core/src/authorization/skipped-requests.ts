import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { SkippedRequest, SkipReason } from '../telemetry.js'

const skipped = channel('mca-auth:request:skipped')
const debug = debuglog('mca-auth')

/** Explains why a request went without a token. Costs nothing without listeners. */
export function reportSkipped(client: string, origin: string | undefined, reason: SkipReason): void {
  if (skipped.hasSubscribers) skipped.publish({ client, origin: origin ?? '', reason } satisfies SkippedRequest)
  if (debug.enabled) debug('%s sent a request to %s without a token: %s', client, origin ?? 'a hidden origin', reason)
}
