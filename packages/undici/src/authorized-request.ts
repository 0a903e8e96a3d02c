import type { EventEmitter } from 'node:events'
import {
  type AuthorizationHeaders,
  bodySnapshot,
  conceal,
  type RequestAuthorization,
  type RequestAuthorizer,
  type RequestBody,
  type Sending,
  whileBodyWaits,
} from '@mca-auth/core/adapter'
import { type Dispatch, type DispatchOptions, outermost } from './dispatch-options.js'
import { type Handler, isModern, noController } from './handler.js'
import { type ReadableHeaders, withAuthorization } from './headers.js'
import { responseHandler, type SentRequest } from './response-handler.js'

/** The parts of one dispatch. */
export interface DispatchParts {
  readonly authorizer: RequestAuthorizer
  readonly authorization: RequestAuthorization
  /** The object that layers around us pass again when they send the same request again. */
  readonly identity: object
  readonly sending: Sending
  readonly headers: ReadableHeaders
  readonly dispatch: Dispatch
}

/** One dispatch, which may be sent twice. */
export class AuthorizedRequest implements SentRequest {
  readonly authorization: RequestAuthorization
  readonly #parts: DispatchParts
  /** A copy as sent, since the caller may use its own options again for another request. */
  #options: DispatchOptions
  readonly #body: RequestBody
  #carried: string | undefined

  constructor(parts: DispatchParts, options: DispatchOptions, body: RequestBody) {
    this.authorization = parts.authorization
    this.#parts = parts
    this.#options = options
    this.#body = body
  }

  /** Sends it at once if there is no wait for a token. */
  send(target: Handler): boolean {
    try {
      const added = this.authorization.headersFor(this.#parts.sending)
      if (added instanceof Promise) return this.#sendLater(added, target)
      return this.#dispatch(this.#parts.headers, added, this.#body.first, target)
    } catch (error) {
      queueMicrotask(() => this.fail(target, noController, error))
      return true
    }
  }

  get isReplayable(): boolean {
    return this.#body.isReplayable
  }

  /** Runs in the caller's context: undici delivers responses in the context in which the connection was opened. */
  resend(target: Handler): void {
    this.authorization.run(() => {
      try {
        const added = this.authorization.headersFor(this.#parts.sending) as AuthorizationHeaders
        this.#dispatch(this.#options.headers as ReadableHeaders, added, this.#body.again(), target)
      } catch (error) {
        this.fail(target, noController, error)
      }
    })
  }

  conceal(error: unknown): unknown {
    return conceal(error, this.#carried)
  }

  fail(target: Handler, controller: typeof noController | undefined, error: unknown): void {
    this.authorization.failed()
    const shown = this.conceal(error)
    this.end(() => {
      if (isModern(target)) target.onResponseError?.(controller, shown)
      else target.onError?.(shown)
    })
  }

  end(callback: () => void): void {
    this.#parts.authorizer.runEnd(this.#parts.identity, this.authorization, callback)
  }

  #sendLater(added: Promise<AuthorizationHeaders>, target: Handler): true {
    const { body, signal } = this.#options
    const { headers } = this.#parts
    // Changes by the caller meanwhile are not sent.
    const { origin, query } = this.#options
    this.#options = {
      ...this.#options,
      ...(origin instanceof URL && { origin: origin.origin }),
      ...(query && { query: structuredClone(query) }),
    }
    const copied = copyOf(headers)
    const first = this.#body.first === body ? bodySnapshot(body) : this.#body.first
    whileBodyWaits(body, untilEmitted(signal, added))
      .then((acquired) => this.#dispatch(copied, acquired, first, target))
      .catch((error) => this.fail(target, noController, error))
    return true
  }

  #dispatch(headers: ReadableHeaders, added: AuthorizationHeaders, body: unknown, target: Handler): boolean {
    const { dispatch } = this.#parts
    this.#carried = added.authorization ?? this.#carried
    // In this order: adding a property to a plain clone is ten times as slow.
    const options = {
      [outermost]: this.authorization,
      ...this.#options,
      headers: withAuthorization(headers, added),
      body,
    }
    this.#options = options
    return dispatch(options, responseHandler(this, target))
  }
}

function copyOf(headers: ReadableHeaders): ReadableHeaders {
  const value = (one: unknown) => (Array.isArray(one) ? [...one] : one)
  if (Array.isArray(headers)) return headers.map(value)
  return headers && Object.fromEntries(Object.entries(headers).map(([name, one]) => [name, value(one)]))
}

/** undici also takes an event emitter as `signal`; an AbortSignal has been given to the authorization. */
async function untilEmitted<T>(signal: unknown, work: Promise<T>): Promise<T> {
  const emitter = signal as EventEmitter | null | undefined
  if (emitter == null || emitter instanceof AbortSignal || typeof emitter.once !== 'function') return work
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new DOMException('This operation was aborted', 'AbortError'))
    emitter.once('abort', abort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    emitter.off('abort', abort)
  }
}
