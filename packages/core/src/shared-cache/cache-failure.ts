import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import type { SharedCacheFailure } from '../telemetry.js'
import { printable } from '../token-endpoint/printable.js'

const failed = channel('mca-auth:shared-cache:failed')
const debug = debuglog('mca-auth')
const maxLength = 500

/** Explains why a shared cache was not used. Never throws, whatever the cache has thrown. */
export function reportCacheFailure(error: unknown): void {
  if (!failed.hasSubscribers && !debug.enabled) return
  const reason = reasonOf(error)
  if (failed.hasSubscribers) failed.publish({ reason } satisfies SharedCacheFailure)
  if (debug.enabled) debug('the shared cache failed: %s', reason)
}

/** Errors of several connection attempts have no message. Others quote a URL, which may have a user and a password. */
function reasonOf(error: unknown): string {
  try {
    const { message, code, name } = error as NodeJS.ErrnoException
    const text = [message, code, name].find((each) => typeof each === 'string' && each !== '') ?? 'unknown error'
    return printable(text.replaceAll(/\/\/[^\s/?#]*@/g, '//')).slice(0, maxLength)
  } catch {
    return 'unknown error'
  }
}
