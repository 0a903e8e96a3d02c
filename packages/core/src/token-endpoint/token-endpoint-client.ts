import type { Material, MaterialReader } from '../credentials/material.js'
import { closedError, McaAuthError } from '../error.js'
import type { Telemetry } from '../telemetry.js'
import type { CoolDowns } from './cool-downs.js'
import { FailedAttempt, failedCredentials } from './failed-attempt.js'
import { sendTokenRequest, type TokenRequestSender } from './send-token-request.js'
import type { PreparedTokenRequest } from './token-request.js'
import type { TokenResponse } from './token-response.js'

const attempts = 3
const backoffMs = 200

/**
 * Requests one token within a time budget: attempts, backoff, throttling and cool-downs. Retries happen here, once for
 * all waiting callers, and never in a caller.
 */
export class TokenEndpointClient {
  readonly #sender: TokenRequestSender
  readonly #coolDowns: CoolDowns
  readonly #telemetry: Telemetry
  readonly #timeoutMs: number
  /** The one request that may probe a server after a failure or throttling; the others wait for its outcome. */
  #probe: Promise<void> | undefined
  #closed = false
  /** Ends each pending wait. */
  readonly #cancels = new Set<(reason: McaAuthError) => void>()

  /** `timeoutMs`: the whole wait for a token, from which the deadline of {@link request} follows. */
  constructor(sender: TokenRequestSender, timeoutMs: number, coolDowns: CoolDowns, telemetry: Telemetry) {
    this.#timeoutMs = timeoutMs
    this.#sender = sender
    this.#coolDowns = coolDowns
    this.#telemetry = telemetry
  }

  /**
   * `deadline` on the clock of `performance.now()`.
   *
   * @throws McaAuthError, already remembered.
   */
  async request(request: PreparedTokenRequest, reader: MaterialReader, deadline: number): Promise<TokenResponse> {
    let end: () => void = () => {}
    const currentProbe = new Promise<void>((resolve) => {
      end = resolve
    })
    let denied: { readonly material: Material; readonly failure: FailedAttempt } | undefined
    try {
      for (let attempt = 1; ; attempt++) {
        const probing = await this.#permission(request.key, deadline, currentProbe)
        const triesLeft = probing ? 1 : Math.max(1, attempts - attempt + 1)
        const share = () => (deadline - performance.now()) / triesLeft
        let material: Material | undefined
        try {
          const read = await this.#within(share(), () => materialOf(reader))
          material = read
          if (denied !== undefined && read.text === denied.material.text) throw denied.failure
          this.#telemetry.requested(request.key, attempt)
          const response = await this.#within(share(), (signal) =>
            sendTokenRequest(this.#sender, request, read, signal),
          )
          if (this.#coolDowns.recovered(request.key)) this.#telemetry.coolDownLeft(request.key)
          return response
        } catch (error) {
          if (this.#closed || !(error instanceof FailedAttempt)) throw unwrapped(error)
          // A secret, a key or a file may have been rotated since it was read: once, the next iteration reads it again.
          if (error.kind === 'denied' && reader.canChange && denied === undefined && material !== undefined) {
            denied = { material, failure: error }
            continue
          }
          if (error.kind === 'transient' && triesLeft > 1 && performance.now() < deadline) {
            await this.#backOff(attempt, deadline)
            continue
          }
          const recorded = this.#coolDowns.record(request.key, error, Date.now())
          this.#telemetry.coolDownEntered(request.key, recorded)
          // Throttled: the next iteration waits for Retry-After, or throws if that exceeds the time budget.
          if (error.kind !== 'throttled') throw recorded
        }
      }
    } finally {
      if (this.#probe === currentProbe) this.#probe = undefined
      end()
    }
  }

  /**
   * The material, before the first attempt needs it.
   *
   * @throws if it cannot be read by the deadline.
   */
  readMaterial(reader: MaterialReader, deadline: number): Promise<Material> {
    return this.#within(deadline - performance.now(), () => reader.readAhead())
  }

  /** Ends pending token requests; no more are made. */
  close(): void {
    this.#closed = true
    for (const cancel of this.#cancels) cancel(closedError())
  }

  /** Waits until a token request may be made. True if it probes a server that failed last, and so is not retried. */
  async #permission(key: string, deadline: number, currentProbe: Promise<void>): Promise<boolean> {
    for (;;) {
      if (this.#closed) throw closedError()
      const leftMs = deadline - performance.now()
      const error = this.#coolDowns.blocking(key, Date.now())
      const probe = this.#probe
      if (error !== undefined) {
        const waitMs = (error.retryAt ?? 0) - Date.now()
        if (error.code !== 'TOKEN_REQUEST_THROTTLED' || waitMs > leftMs) throw error
        await this.#pause(Math.max(1, waitMs))
      } else if (probe !== undefined && probe !== currentProbe) {
        await this.#within(leftMs, () => probe).catch((timedOut) => {
          throw unwrapped(timedOut)
        })
      } else {
        const { last } = this.#coolDowns
        if (last !== undefined) this.#probe = currentProbe
        // Once throttling ends, the server is assumed healthy, so normal retries apply, even without a probe.
        return last !== undefined && !['TOKEN_REQUEST_THROTTLED', 'INVALID_CREDENTIALS_SOURCE'].includes(last.code)
      }
    }
  }

  /** Exponential with full jitter, never more than a quarter of what is left. */
  #backOff(attempt: number, deadline: number): Promise<void> {
    const longest = Math.min(backoffMs * 2 ** (attempt - 1), (deadline - performance.now()) / 4)
    return this.#pause(Math.random() * Math.max(1, longest))
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedError()
      const cancel = (reason: McaAuthError) => {
        clearTimeout(timer)
        reject(reason)
      }
      const timer = setTimeout(() => {
        this.#cancels.delete(cancel)
        resolve()
      }, ms)
      this.#cancels.add(cancel)
    })
  }

  /** Ends with the work or after `ms`, even if the work (a secret function, a custom fetch) ignores its signal. */
  #within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    return new Promise<T>((resolve, reject) => {
      // `close()` may have been called during any await before, or in the same tick as the first call.
      if (this.#closed) throw closedError()
      if (ms <= 0) throw this.#timedOut()
      const cancel = (reason: McaAuthError | FailedAttempt) => {
        done()
        reject(reason)
        controller.abort(reason instanceof FailedAttempt ? reason.error : reason)
      }
      const timer = setTimeout(() => cancel(this.#timedOut()), ms)
      const done = () => {
        clearTimeout(timer)
        this.#cancels.delete(cancel)
      }
      this.#cancels.add(cancel)
      work(controller.signal).then(resolve, reject).finally(done)
    })
  }

  /** Reports the whole wait, not the share of one attempt, since the caller knows only the former. */
  #timedOut(): FailedAttempt {
    const { silenceHint } = this.#sender.credentials.grant
    const message = `no token response within ${this.#timeoutMs} ms${silenceHint === undefined ? '' : `: ${silenceHint}`}`
    return new FailedAttempt('transient', new McaAuthError('TOKEN_REQUEST_FAILED', message))
  }
}

async function materialOf(reader: MaterialReader): Promise<Material> {
  try {
    return await reader.next()
  } catch (error) {
    throw failedCredentials(error) ?? error
  }
}

function unwrapped(error: unknown): unknown {
  return error instanceof FailedAttempt ? error.error : error
}
