import { LRUCache } from 'lru-cache'
import type { McaAuthError } from '../error.js'
import { type FailedAttempt, type FailureKind, withMessage } from './failed-attempt.js'

/** A failure that callers still get, until the next token request may be made. */
interface Failure {
  readonly kind: FailureKind
  readonly error: McaAuthError
  readonly at: number
  readonly until: number
  /** How long it is remembered; doubles with each consecutive failure. */
  readonly coolDownMs: number
}

const outage = { firstMs: 1_000, longestMs: 30_000 }
const coolDowns: { readonly [kind in FailureKind]: { readonly firstMs: number; readonly longestMs: number } } = {
  denied: { firstMs: 30_000, longestMs: 300_000 },
  // A missing file may appear, or an expired token in it be renewed, at any time.
  unreadable: { firstMs: 1_000, longestMs: 1_000 },
  throttled: outage,
  transient: outage,
  bad: outage,
}

/**
 * Remembers failures, so that no token request is made while it would fail anyway. A failure of the client or the
 * server is kept once, a failure of one token request under its key.
 */
export class CoolDowns {
  #all: Failure | undefined
  readonly #size: number
  /** Created with the first failure. */
  #byKey: LRUCache<string, Failure> | undefined

  constructor(size: number) {
    this.#size = size
  }

  /** The error that a caller for this key gets without a token request, if any. */
  blocking(key: string, now: number): McaAuthError | undefined {
    const own = this.#byKey?.peek(key)
    return this.blockingAll(now) ?? (own && isBlocking(own, now) ? own.error : undefined)
  }

  /** The error that every caller gets without a token request, if any. */
  blockingAll(now: number): McaAuthError | undefined {
    return this.#all && isBlocking(this.#all, now) ? this.#all.error : undefined
  }

  /** How the server failed last, if it has not recovered since: then one flight tries while the others wait. */
  get last(): McaAuthError | undefined {
    return this.#all?.error
  }

  /** Remembers a failure and returns the error for callers, with its `retryAt`. */
  record(key: string, failed: FailedAttempt, now: number): McaAuthError {
    const { kind, error } = failed
    const general = this.concernsAll(failed)
    const before = general ? this.#all : this.#byKey?.peek(key)
    const { firstMs, longestMs } = coolDowns[kind]
    const sameKind = before?.kind === kind
    // A concurrent flight with the same failure adds no information, so it does not double the cool-down again.
    const doubled = sameKind && now >= before.until ? before.coolDownMs * 2 : before?.coolDownMs
    const coolDownMs = Math.min(sameKind && doubled ? doubled : firstMs, longestMs)
    const until = error.retryAt ?? now + coolDownMs
    // The existing record stays if its cool-down ends later.
    if (before !== undefined && isBlocking(before, now) && before.until >= until) return before.error
    const recorded = withMessage(error, error.message, { retryAt: until })
    const failure = { kind, error: recorded, at: now, until, coolDownMs }
    if (general) this.#all = failure
    else {
      this.#byKey ??= new LRUCache({ max: this.#size })
      this.#byKey.set(key, failure)
    }
    return recorded
  }

  /** A token was issued. Returns whether there was anything to recover from. */
  recovered(key: string): boolean {
    const before = this.#all
    this.#all = undefined
    return this.#byKey?.delete(key) === true || before !== undefined
  }

  /** Whether other token requests would fail in the same way. */
  protected concernsAll({ kind, error }: FailedAttempt): boolean {
    return kind !== 'denied' || concernsCredential(error)
  }

  /** Forgets a general failure whose cool-down has ended, as after a success. */
  protected forgetEnded(now: number): void {
    if (this.blockingAll(now) === undefined) this.#all = undefined
  }

  clear(): void {
    this.#all = undefined
    this.#byKey?.clear()
  }
}

/** `at` is compared too: a clock that was set back must not extend a cool-down. */
function isBlocking({ at, until }: Failure, now: number): boolean {
  return now >= at && now < until
}

/** Codes about the client, not about one token request: RFC 6749 §5.2, RFC 9449 §5 and §8, and IAM's codes about the credential. */
const credentialErrors = new Set([
  ...['invalid_client', 'unauthorized_client', 'invalid_dpop_proof', 'use_dpop_nonce'],
  ...['BXNIM0415E', 'BXNIM0462E', 'BXNIM0398E', 'BXNIM0602E', 'BXNIM0308E'],
])

/** A 401 without a reason means failed client authentication (RFC 6749 §5.2); an empty 403 may be about a scope. */
function concernsCredential({ error, status }: { readonly error?: string; readonly status?: number }): boolean {
  return error === undefined ? status === 401 : credentialErrors.has(error)
}
