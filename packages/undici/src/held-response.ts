import type { Controller, Headers } from './handler.js'

const maxBytes = 64 * 1024
const discardMs = 1_000

/** The way in which a held response is finally delivered. */
export interface Receiver {
  /** Returns whether the response should then be resumed. */
  start(): boolean
  data(chunk: Uint8Array): void
  end(trailers: Headers): void
}

/**
 * A response that says that the token was rejected, while a new token is awaited. In the end it is either discarded or
 * delivered. Up to 64 KiB of it are read meanwhile: the token request may need the connection. A longer one is
 * paused; if that has no effect (a MockAgent cannot pause), it is delivered.
 */
export class HeldResponse {
  readonly #receiver: Receiver
  readonly #controller: Controller
  readonly #reportError: (error: unknown) => void
  #state: 'held' | 'starting' | 'delivered' | 'discarded' = 'held'
  readonly #chunks: Uint8Array[] = []
  #bytes = 0
  #end: { readonly trailers: Headers } | undefined
  /** A server may close the connection right after its 401. A new token may still save the request. */
  #lost: { readonly error: unknown } | undefined
  #timer: NodeJS.Timeout | undefined
  isPaused = false

  constructor(receiver: Receiver, controller: Controller, reportError: (error: unknown) => void) {
    this.#receiver = receiver
    this.#controller = controller
    this.#reportError = reportError
  }

  /** Whether it holds this part of the body back. */
  data(chunk: Uint8Array): boolean {
    if (this.#state === 'delivered') return false
    this.#bytes += chunk.byteLength
    if (this.#state === 'discarded') {
      if (this.#bytes > maxBytes) this.#controller.abort(new Error('the body of a rejected request is too long'))
      return true
    }
    this.#chunks.push(chunk)
    if (this.#state !== 'held' || this.#bytes <= maxBytes) return true
    if (this.isPaused) this.deliver()
    else {
      this.isPaused = true
      this.#controller.pause()
    }
    return true
  }

  /** Whether it holds the end back. */
  end(trailers: Headers): boolean {
    clearTimeout(this.#timer)
    if (this.#state === 'delivered') return false
    this.#end = { trailers }
    return true
  }

  /** Whether it holds the error back. */
  fail(error: unknown, isAborted: boolean): boolean {
    clearTimeout(this.#timer)
    if (this.#state === 'discarded') return true
    if (this.#state === 'delivered' || isAborted) {
      this.#state = 'delivered'
      return false
    }
    this.#lost = { error }
    return true
  }

  /** Discards it, because the request is resent. Returns whether it was still held. */
  discard(): boolean {
    if (this.#state !== 'held') return false
    this.#state = 'discarded'
    if (this.#end !== undefined || this.#lost !== undefined) return true
    // Read to its end, so that the connection can be used again; unless that takes too long.
    const tooLong = () => this.#controller.abort(new Error('the body of a rejected request has no end'))
    this.#timer = setTimeout(tooLong, discardMs)
    this.#timer.unref()
    this.#bytes = 0
    if (this.isPaused) this.#controller.resume()
    return true
  }

  /** The caller has aborted, and undici reports it unless the response is complete. */
  abandon(reason: unknown): void {
    if (this.#state === 'held' && this.#end !== undefined) {
      this.#state = 'discarded'
      this.#reportError(reason)
    } else this.deliver()
  }

  deliver(): void {
    if (this.#state !== 'held') return
    this.#state = 'starting'
    try {
      const resumes = this.#receiver.start()
      for (const chunk of this.#chunks) this.#receiver.data(chunk)
      this.#state = 'delivered'
      if (this.#end !== undefined) this.#receiver.end(this.#end.trailers)
      else if (this.#lost !== undefined) this.#reportError(this.#lost.error)
      else if (resumes && this.isPaused) this.#controller.resume()
    } catch (error) {
      // Runs outside undici's own stack, which would catch this: a layer such as retry throws the error that it wants reported.
      this.#state = 'discarded'
      if (this.#end === undefined) this.#controller.abort(error)
      this.#reportError(error)
    }
  }
}
