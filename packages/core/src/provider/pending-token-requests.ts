import { AsyncLocalStorage } from 'node:async_hooks'
import { McaAuthError } from '../error.js'

/** A token request in flight, as seen by all copies of core. */
export interface PendingTokenRequest {
  readonly pending: boolean
  /** The token requests that this one waits for, once for each wait. */
  readonly waits: Set<{ readonly on: PendingTokenRequest }>
}

/** Shared by all copies of core in the process: a loop may lead through providers of several. */
interface Shared {
  /** The token request that the running code belongs to: a `secret` function, a custom `fetch`, … */
  readonly storage: AsyncLocalStorage<PendingTokenRequest>
  pending: number
}

const name = Symbol.for('mca-auth.pending-token-requests.1')
const holder = globalThis as { [key: symbol]: Shared | undefined }

/**
 * Runs the work of a token request, so that the code it calls is known to belong to it. The returned function must be
 * called when it is no longer pending: on Node 20 and 22 a storage in use slows down every promise of the process.
 */
export function runTokenRequest<T>(request: PendingTokenRequest, work: () => T): [result: T, end: () => void] {
  holder[name] ??= { storage: new AsyncLocalStorage(), pending: 0 }
  const shared: Shared = holder[name]
  shared.pending++
  const result = shared.storage.run(request, work)
  return [
    result,
    () => {
      if (--shared.pending === 0) shared.storage.disable()
    },
  ]
}

/**
 * Records that the running code, if it belongs to a pending token request, waits for another one. The returned function
 * ends the wait.
 *
 * @throws McaAuthError if the other one waits for the first, since neither would ever end.
 */
export function waitFor(other: PendingTokenRequest): () => void {
  const current = holder[name]?.storage.getStore()
  // A timer that the code has started continues when the token request has ended, and then no longer belongs to it.
  if (current === undefined || !current.pending) return () => {}
  if (dependsOn(other, current)) throw loop()
  const wait = { on: other }
  current.waits.add(wait)
  return () => current.waits.delete(wait)
}

function dependsOn(one: PendingTokenRequest, other: PendingTokenRequest): boolean {
  if (one === other) return true
  for (const { on } of one.waits) if (on.pending && dependsOn(on, other)) return true
  return false
}

function loop(): McaAuthError {
  return new McaAuthError(
    'TOKEN_REQUEST_FAILED',
    'this is a loop: the request was made by a token request and needs the very token that is being requested. A ' +
      '`secret` or `clientAuth` function, a custom `fetch` or a shared cache must use a client without this provider',
  )
}
