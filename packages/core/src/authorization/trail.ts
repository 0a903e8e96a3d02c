import { AsyncLocalStorage } from 'node:async_hooks'
import type { RequestAuthorization } from './request-authorization.js'
import type { Sending } from './sending.js'

/**
 * The record of a sending that failed or was redirected, in the async context of the layer that is notified of it, for the
 * request that this layer sends next. Consumed by the first request that follows from it.
 */
export class Trail {
  readonly authorization: RequestAuthorization
  #used = false

  constructor(authorization: RequestAuthorization) {
    this.authorization = authorization
  }

  get isUsed(): boolean {
    return this.#used
  }

  use(): void {
    this.#used = true
  }

  /** Consumes the trail if this request repeats the sending or is the first one after its redirect, and returns whether. */
  useFor(request: Sending): boolean {
    if (this.#used || !this.authorization.mayLeadTo(request)) return false
    this.#used = true
    return true
  }
}

// Created by the first sending that fails, since on Node.js 20 it enables hooks that slow down every promise of the process.
let trails: AsyncLocalStorage<Trail | undefined> | undefined

export function currentTrail(): Trail | undefined {
  const trail = trails?.getStore()
  return trail === undefined || trail.isUsed ? undefined : trail
}

export function withTrail<T>(authorization: RequestAuthorization, run: () => T): T {
  trails ??= new AsyncLocalStorage()
  return trails.run(new Trail(authorization), run)
}

export function withoutTrail<T>(run: () => T): T {
  return trails === undefined ? run() : trails.run(undefined, run)
}
