import { httpDate } from '../credentials/server-clock.js'

const maxMs = 3_600_000

/**
 * The instant that a `Retry-After` header names (RFC 9110 §10.2.3: seconds or a date), from now to at most one hour
 * ahead. `undefined` for a header that is absent or unreadable.
 */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const at = /^\s*\d+\s*$/.test(header) ? now + Number(header) * 1000 : httpDate(header)
  return Number.isNaN(at) ? undefined : Math.min(Math.max(at, now), now + maxMs)
}
