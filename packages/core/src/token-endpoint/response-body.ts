/** No token response is longer. */
export const maxBodyBytes: number = 64 * 1024

/** The beginning of a body as text. */
export interface BoundedBody {
  readonly text: string
  /** Whether the text is the whole body. */
  readonly isWhole: boolean
}

/** Reads at most 64 KiB. The body of a given `fetch` may be of another kind: node-fetch's is a stream of Node. */
export async function readBounded(response: Response): Promise<BoundedBody> {
  const body: unknown = response.body
  if (!isAsyncIterable(body)) {
    const text = body === null ? '' : await response.text()
    return { text: text.slice(0, maxBodyBytes), isWhole: Buffer.byteLength(text) <= maxBodyBytes }
  }
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of body) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    size += bytes.byteLength
    text += decoder.decode(bytes.subarray(0, maxBodyBytes), { stream: true })
    if (size > maxBodyBytes) return { text, isWhole: false } // leaving the loop cancels the body
  }
  return { text: text + decoder.decode(), isWhole: true }
}

function isAsyncIterable(body: unknown): body is AsyncIterable<Uint8Array | string> {
  return typeof (body as AsyncIterable<unknown> | null | undefined)?.[Symbol.asyncIterator] === 'function'
}
