import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** One scripted response. An empty one is a 200 with an empty body. */
export interface Reply {
  /** The status of the response. @default 200 */
  readonly status?: number
  /** Added to the response. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Text and bytes are sent unchanged, anything else as JSON. */
  readonly body?: unknown
  /** The delay before the response, in ms. */
  readonly delayMs?: number
  /** Sends the body one byte at a time, at this interval in ms. */
  readonly trickleMs?: number
  /** `headers`: never responds; `body`: sends the status line and headers, then nothing more. */
  readonly hang?: 'headers' | 'body'
  /** `headers`: drops the connection instead of responding; `body`: in the middle of the body. */
  readonly reset?: 'headers' | 'body'
}

export async function sendReply(response: ServerResponse, reply: Reply): Promise<void> {
  if (reply.delayMs !== undefined) await sleep(reply.delayMs, undefined, { ref: false })
  if (reply.hang === 'headers' || response.destroyed) return
  if (reply.reset === 'headers') {
    response.destroy()
    return
  }
  const { headers, payload } = encode(reply)
  response.writeHead(reply.status ?? 200, headers as Record<string, string | string[]>)
  if (reply.trickleMs !== undefined) {
    for (const byte of payload) {
      if (response.destroyed) return
      response.write(Buffer.of(byte))
      await sleep(reply.trickleMs, undefined, { ref: false })
    }
  }
  if (reply.hang === undefined && reply.reset === undefined) {
    response.end(reply.trickleMs === undefined ? payload : undefined)
    return
  }
  response.write(payload.length > 1 ? payload.subarray(0, payload.length >> 1) : '{')
  if (reply.reset === 'body') setImmediate(() => response.destroy())
}

function encode(reply: Reply): { headers: Record<string, unknown>; payload: Buffer } {
  const { body = '' } = reply
  // By the clock that the test may have set, which tokens and proofs use too.
  const headers = { date: new Date().toUTCString(), ...reply.headers }
  if (typeof body === 'string') return { headers, payload: Buffer.from(body) }
  if (body instanceof Uint8Array) return { headers, payload: Buffer.from(body) }
  return {
    headers: { 'content-type': 'application/json', ...headers },
    payload: Buffer.from(JSON.stringify(body)),
  }
}
