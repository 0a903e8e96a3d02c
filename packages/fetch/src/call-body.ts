import { Readable } from 'node:stream'
import {
  bodySnapshot,
  isReusable,
  maxRecordedBytes,
  type RequestBody,
  requestBody,
  whileBodyWaits,
} from '@mca-auth/core/adapter'

/** The body of a call, which may have to be sent twice. */
export interface CallBody extends RequestBody {
  /** A stream cannot be sent to the target of a redirect (Fetch standard, HTTP-redirect fetch, step 9). */
  readonly isStream: boolean
  /** Waits for a token while the body could fail, and releases the body if no token is available. */
  wait<T>(work: Promise<T>): Promise<T>
  /** It will not be sent again. */
  release(): void
}

/** If the body is part of a `Request`, `first` is `undefined`. */
export const noBody: CallBody = {
  first: undefined,
  isReplayable: true,
  again: () => undefined,
  isStream: false,
  wait: (work) => work,
  release() {},
}

/** Bytes and forms are copied, since fetch lets its caller use them again at once; text and blobs cannot change. */
export function callBody(body: unknown, mustWait: boolean): CallBody {
  if (body === undefined) return noBody
  if (typeof body !== 'object' || isReusable(body)) {
    const copy = snapshotOf(body)
    return { ...noBody, first: mustWait ? copy : body, again: () => copy }
  }
  if (isUnusedStream(body)) return recordedStream(body)
  const isIterable = Symbol.asyncIterator in (body as object) && !('pipe' in (body as object)) && !isWebStream(body)
  const sent = isIterable ? requestBody(body) : { first: body, isReplayable: false, again: () => undefined }
  return withWait(sent, body as object, (reason) => {
    if ('destroy' in (body as object)) (body as NodeJS.ReadStream).destroy()
    else if (isWebStream(body)) body.cancel(reason).catch(() => {})
  })
}

/**
 * The body of a `Request` is recorded separately, since only the `Request` knows whether its length is known. Its clone is
 * read at the same pace and dropped after 64 KiB, so a long upload does not stay in memory.
 */
export function recordedRequest(request: Request): CallBody {
  let clone: Request
  try {
    clone = request.clone()
  } catch {
    // It has been used, which the fetch reports.
    return { ...noBody, isReplayable: false }
  }
  const source = clone.body as unknown as ReadableStream | NodeJS.ReadStream
  const reader = isWebStream(source) ? source.getReader() : undefined
  const recorded = requestBody(reader === undefined ? chunksOfNode(source as NodeJS.ReadStream) : chunksOf(reader))
  let isReleased = false
  const release = () => {
    isReleased = true
    if (reader === undefined) (source as NodeJS.ReadStream).destroy()
    else reader.cancel().catch(() => {})
  }
  const record = async () => {
    let size = 0
    for await (const chunk of recorded.first as AsyncIterable<Partial<Uint8Array>>) {
      size += chunk?.byteLength ?? Number.POSITIVE_INFINITY
      if (size > maxRecordedBytes) return release()
    }
  }
  // The fetch reports failures of the request's body.
  record().catch(release)
  return {
    ...withWait(recorded, request, (reason) => {
      release()
      if (isWebStream(request.body)) request.body.cancel(reason).catch(() => {})
    }),
    first: undefined,
    get isReplayable() {
      return recorded.isReplayable && !isReleased
    },
    isStream: false,
    release,
  }
}

/** Passes chunks on only on demand, with the reader's own errors and the fetch's own reason for cancelling. */
function recordedStream(stream: ReadableStream): CallBody {
  const reader = stream.getReader()
  const recorded = requestBody(chunksOf(reader))
  const chunks = recorded.first as AsyncGenerator<unknown>
  const first = new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  const body = withWait(recorded, stream, (reason) => {
    reader.cancel(reason).catch(() => {})
  })
  return {
    ...body,
    first,
    get isReplayable() {
      return recorded.isReplayable
    },
  }
}

function withWait(sent: RequestBody, body: object, abandon: (reason: unknown) => void): CallBody {
  return {
    first: sent.first,
    get isReplayable() {
      return sent.isReplayable
    },
    again: () => sent.again(),
    isStream: true,
    async wait(work) {
      try {
        return await whileBodyWaits(body, work)
      } catch (error) {
        abandon(error)
        throw error
      }
    },
    release() {},
  }
}

async function* chunksOf(reader: ReadableStreamDefaultReader<unknown>): AsyncGenerator<unknown> {
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}

async function* chunksOfNode(stream: NodeJS.ReadStream): AsyncGenerator<unknown> {
  for await (const chunk of stream) yield chunk
}

/** A form of the caller's own class must not be copied like others. */
function snapshotOf(body: unknown): unknown {
  try {
    return bodySnapshot(body)
  } catch {
    return body
  }
}

function isWebStream(body: unknown): body is ReadableStream {
  return typeof (body as Partial<ReadableStream> | null)?.getReader === 'function'
}

/** A used one is passed to the fetch, which rejects it. */
export function isUnusedStream(body: unknown): body is ReadableStream {
  return isWebStream(body) && !body.locked && !Readable.isDisturbed(body as never)
}
