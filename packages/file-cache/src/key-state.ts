import type { SharedToken } from '@mca-auth/core'

interface Lease {
  readonly holder: string
  /** In ms since the epoch, as all times here. */
  readonly grantedAt: number
  readonly durationMs: number
}

interface StoredToken extends SharedToken {
  readonly storedAt: number
}

/** Everything that is stored for one key. It is replaced as a whole, never changed. */
export interface KeyState {
  readonly writtenAt: number
  /** The fence of the last lease. */
  readonly fence: number
  readonly lease?: Lease | undefined
  readonly token?: StoredToken | undefined
  /** Random identifiers of the last changes. */
  readonly changes: readonly string[]
}

/** The next state, or `undefined` if the state should stay as is. */
export type Change = (state: KeyState, now: number) => KeyState | undefined

export const emptyState: KeyState = { writtenAt: 0, fence: 0, changes: [] }

/** Clocks are corrected by milliseconds all the time, also backwards. */
const toleratedMs = 1_000

/**
 * The rest of a duration that began at `since`. If that is in the future, the clock was set back, and it is unknown how much
 * time has passed, so the duration counts as expired. If the clock was set forward, the duration ends early.
 */
function leftMs(since: number, durationMs: number, now: number): number {
  return since > now + toleratedMs ? 0 : Math.min(durationMs, since + durationMs - now)
}

/** The token, with its remaining lifetime, unless it has expired. */
export function tokenIn({ token }: KeyState, now: number): SharedToken | undefined {
  if (token === undefined) return undefined
  const expiresInMs = leftMs(token.storedAt, token.expiresInMs, now)
  return expiresInMs > 0 ? { value: token.value, digest: token.digest, expiresInMs } : undefined
}

export function isLeased({ lease }: KeyState, now: number): boolean {
  return lease !== undefined && leftMs(lease.grantedAt, lease.durationMs, now) > 0
}

/**
 * Grants the lease, or extends it. Its holder may also extend it after it has lapsed, as long as no other process took it.
 *
 * A fence is at least the time, so that it is greater than all fences before even if the files with them were removed.
 */
export function leased(holder: string, durationMs: number): Change {
  return (state, now) => {
    const isHolder = state.lease?.holder === holder
    if (!isHolder && isLeased(state, now)) return undefined
    const fence = isHolder ? state.fence : Math.max(state.fence + 1, now)
    return { ...state, writtenAt: now, fence, lease: { holder, grantedAt: now, durationMs } }
  }
}

export function released(holder: string): Change {
  return (state, now) => (state.lease?.holder === holder ? { ...state, writtenAt: now, lease: undefined } : undefined)
}

/** Stores a token, unless a newer lease was granted. */
export function stored({ value, digest, expiresInMs }: SharedToken, fence: number): Change {
  return (state, now) =>
    fence < state.fence
      ? undefined
      : { ...state, writtenAt: now, fence, token: { value, digest, expiresInMs, storedAt: now } }
}

export function withoutToken(digest: string): Change {
  return (state, now) => (state.token?.digest === digest ? { ...state, writtenAt: now, token: undefined } : undefined)
}

/** For how long a state stays after its last change, so that a holder that is stalled cannot return to an older fence. */
const idleMs = 24 * 3_600_000

/** Whether no process can miss this state. */
export function isForgotten(state: KeyState, now: number): boolean {
  return isIdle(state.writtenAt, now) && tokenIn(state, now) === undefined && !isLeased(state, now)
}

/** Whether this time is a day away. A time in the future counts, too: it was written by a clock that was wrong. */
export function isIdle(time: number, now: number): boolean {
  return Math.abs(now - time) > idleMs
}

/** `undefined` for text that is not a whole state. */
export function parseState(text: string): KeyState | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  return isState(parsed) ? parsed : undefined
}

function isState(value: unknown): value is KeyState {
  if (!has(value, { writtenAt: 'number', fence: 'number' })) return false
  const { lease, token, changes } = value as Partial<Record<keyof KeyState, unknown>>
  return (
    Array.isArray(changes) &&
    (lease === undefined || has(lease, { holder: 'string', grantedAt: 'number', durationMs: 'number' })) &&
    (token === undefined ||
      has(token, { value: 'string', digest: 'string', expiresInMs: 'number', storedAt: 'number' }))
  )
}

/** Numbers of JSON are finite, or were too large to be: both are checked. */
function has(value: unknown, fields: Readonly<Record<string, 'string' | 'number'>>): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(fields).every(([name, type]) => {
    const field = (value as Record<string, unknown>)[name]
    return typeof field === type && (type === 'string' || Number.isFinite(field))
  })
}
