const longestRecording = 64 * 1024

/** The body of a request that may have to be sent twice. */
export interface Body {
  /** What goes out first. */
  readonly first: unknown
  /** What goes out the second time, or `undefined` where that is not possible. */
  again(): { readonly body: unknown } | undefined
}

export function replayable(body: unknown): Body {
  if (isReusable(body)) return { first: body, again: () => ({ body }) }
  return isOneShotIterable(body) ? new Recording(body) : { first: body, again: () => undefined }
}

/** Keeps up to 64 KiB of what passes through: bodies of `fetch` come as async generators, which can be read once. */
class Recording implements Body {
  readonly first: AsyncIterable<unknown>
  #chunks: Buffer[] | undefined = []
  #complete = false

  constructor(source: AsyncIterable<unknown>) {
    this.first = this.#record(source)
  }

  again(): { body: Buffer } | undefined {
    return this.#complete && this.#chunks !== undefined ? { body: Buffer.concat(this.#chunks) } : undefined
  }

  async *#record(source: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    let size = 0
    for await (const chunk of source) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array)
      size += bytes.byteLength
      if (size > longestRecording) this.#chunks = undefined
      this.#chunks?.push(Buffer.from(bytes))
      yield chunk
    }
    this.#complete = true
  }
}

function isReusable(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob) return true
  return Object.prototype.toString.call(body) === '[object FormData]'
}

/** Not a stream of Node's or the web's: undici treats those in its own ways. */
function isOneShotIterable(body: unknown): body is AsyncIterable<unknown> {
  const { pipe, pipeTo } = body as { pipe?: unknown; pipeTo?: unknown }
  return typeof (body as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function' && !pipe && !pipeTo
}
