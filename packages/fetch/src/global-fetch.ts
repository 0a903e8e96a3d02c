import { AsyncLocalStorage } from 'node:async_hooks'
import { parseUrl } from '@mca-auth/core/adapter'
import { isRequest } from './call.js'

export type AnyFetch = (input: unknown, init?: unknown) => Promise<Response>

/** A call that an adapter passes to a global fetch which may lead back to it. */
interface PassedCall {
  readonly by: GlobalFetch
  readonly key: string
  readonly outer: PassedCall | undefined
}

/** By adapter, the fetch that was global when it was created: a stack of adapters is recognised without a trial call. */
const beneath = new WeakMap<AnyFetch, AnyFetch>()
// Created when needed, since on Node.js 20 it slows down every promise of the process.
let passed: AsyncLocalStorage<PassedCall> | undefined

/**
 * The global fetch, looked up at each call, since a mock or a tracer may be installed at any time. But it may lead back to
 * us: `globalThis.fetch = mcaAuth()`, or a mock on top of that. Then the fetch that was global before is used.
 */
export class GlobalFetch {
  readonly #before = globalThis.fetch as AnyFetch
  readonly #leadHere = new WeakSet<AnyFetch>()
  #adapter: AnyFetch | undefined

  /** Identifies the adapter that makes these calls. */
  register(adapter: AnyFetch): void {
    this.#adapter = adapter
    beneath.set(adapter, this.#before)
  }

  /** The fetch to use; `undefined` if this very call has come back to us: pass it on unchanged to {@link before}. */
  lookUp(input: unknown, init: unknown): AnyFetch | undefined {
    const key = passed && keyOf(input, init)
    for (let call = passed?.getStore(); call !== undefined; call = call.outer) {
      if (call.by === this && call.key === key) {
        this.#leadHere.add(globalThis.fetch as AnyFetch)
        return undefined
      }
    }
    const current = globalThis.fetch as AnyFetch
    if (current === this.#before || this.#leadHere.has(current)) return this.#before
    for (let one: AnyFetch | undefined = current; one !== undefined; one = beneath.get(one)) {
      if (one === this.#adapter) return this.#before
    }
    return (...call) => this.#pass(current, call)
  }

  get before(): AnyFetch {
    return this.#before
  }

  #pass(fetch: AnyFetch, [input, init]: readonly [unknown, unknown?]): Promise<Response> {
    passed ??= new AsyncLocalStorage()
    const call = { by: this, key: keyOf(input, init), outer: passed.getStore() }
    return passed.run(call, () => fetch(input, init))
  }
}

function keyOf(input: unknown, init: unknown): string {
  const request: Partial<Request> = isRequest(input) ? input : {}
  const url = request.url ?? String(input)
  const { method = request.method ?? 'GET' } = (init ?? {}) as { method?: unknown }
  return `${String(method).toUpperCase()} ${parseUrl(url)?.href ?? url}`
}
