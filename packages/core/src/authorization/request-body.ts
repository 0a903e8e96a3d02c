import { finished } from 'node:stream'

/** Longer streams are not recorded, and so not resent. */
export const maxRecordedBytes: number = 64 * 1024

/** The body of a request that may have to be sent twice. */
export interface RequestBody {
  /** The body for the first sending. */
  readonly first: unknown
  /** Whether it can be sent again, byte for byte the same. */
  readonly isReplayable: boolean
  /** The body for the resend, if it is replayable. */
  again(): unknown
}

/**
 * Decides, for all clients, whether a body can be sent again. Text, bytes, blobs and forms can, a stream cannot. Sending an
 * iterable consumes it, so up to 64 KiB of it are recorded meanwhile.
 */
export function requestBody(body: unknown): RequestBody {
  const isReplayable = isReusable(body)
  return !isReplayable && isIterable(body) ? new Recording(body) : { first: body, isReplayable, again: () => body }
}

/** Whether a body can be sent again as is. */
export function isReusable(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true
  if (typeof body !== 'object') return false
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true
  // Recognised by their tag rather than by class, since other copies of fetch have their own classes. The package form-data
  // has the tag of a FormData too, but it is a stream.
  if ('pipe' in body) return false
  return /^\[object (FormData|Blob|File|URLSearchParams|SharedArrayBuffer)\]$/.test(
    Object.prototype.toString.call(body),
  )
}

/**
 * A copy of a body, for a request that has to wait for its token: changes by the caller meanwhile must not be sent.
 */
export function bodySnapshot(body: unknown): unknown {
  if (body instanceof ArrayBuffer) return body.slice(0)
  if (ArrayBuffer.isView(body)) return Buffer.from(bytesOf(body))
  const kind = body === null || typeof body !== 'object' ? '' : Object.prototype.toString.call(body)
  if (kind === '[object URLSearchParams]') return new URLSearchParams(body as URLSearchParams)
  if (kind !== '[object FormData]' || 'pipe' in (body as object)) return body
  const form = body as FormData
  const copy = new (form.constructor as typeof FormData)()
  for (const [name, value] of form) copy.append(name, value)
  return copy
}

/**
 * Waits for `work` while the request's body could fail: an error of a Node.js stream without a reader ends the process.
 * Rejects with the body's error, even if it was destroyed before.
 */
export async function whileBodyWaits<T>(body: unknown, work: Promise<T>): Promise<T> {
  const stream = body as NodeJS.ReadableStream & { destroyed?: boolean }
  if (typeof stream?.pipe !== 'function' || typeof stream.on !== 'function') return work
  let stop = () => {}
  const failed = new Promise<never>((_, reject) => {
    stop = finished(stream, { writable: false }, (error) => {
      if (error != null) reject(error)
    })
  })
  failed.catch(() => {})
  try {
    return await Promise.race([work, failed])
  } finally {
    stop()
  }
}

/** Keeps up to 64 KiB of the data that passes through. */
class Recording implements RequestBody {
  readonly first: AsyncIterable<unknown>
  #chunks: Buffer[] | undefined = []
  #complete = false

  constructor(source: Iterable<unknown> | AsyncIterable<unknown>) {
    this.first = this.#record(source)
  }

  get isReplayable(): boolean {
    return this.#complete && this.#chunks !== undefined
  }

  again(): Buffer {
    return Buffer.concat(this.#chunks ?? [])
  }

  async *#record(source: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<unknown> {
    let size = 0
    for await (const chunk of source) {
      // The client itself reports anything but text and bytes.
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : ArrayBuffer.isView(chunk) && bytesOf(chunk)
      size += bytes === false ? Number.POSITIVE_INFINITY : bytes.byteLength
      if (size > maxRecordedBytes) this.#chunks = undefined
      if (bytes !== false) this.#chunks?.push(Buffer.from(bytes))
      yield chunk
    }
    this.#complete = true
  }
}

/** The bytes of a view of any element size; no copy. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Excludes the streams of Node.js and of the web, which clients treat in their own ways. */
function isIterable(body: unknown): body is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof body !== 'object' || body === null || 'pipe' in body || 'pipeTo' in body) return false
  return Symbol.asyncIterator in body || Symbol.iterator in body
}
