import type { IncomingMessage } from 'node:http'
import { type Agent, request } from 'node:https'
import { Readable } from 'node:stream'

/** Statuses whose responses have no body (Fetch standard). */
const withoutBody = [101, 103, 204, 205, 304]

/**
 * The parts of `fetch` that token requests need, over connections of an agent, since the global fetch does not support client
 * certificates. Does not follow redirects, and fails like the global fetch: with a `TypeError` whose cause has a code, or
 * with the reason of its signal.
 */
export function httpsFetch(agent: Agent): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const url = new URL(String(input))
    // The metadata of an issuer may be on loopback, without TLS.
    if (url.protocol !== 'https:') return globalThis.fetch(input, init)
    const { method = 'GET', body, signal } = init
    signal?.throwIfAborted()
    const headers = { 'accept-encoding': 'identity', ...Object.fromEntries(new Headers(init.headers)) }
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) =>
        reject(signal?.aborted ? signal.reason : new TypeError('fetch failed', { cause }))
      const sent = request(url, { agent, method, headers, signal: signal ?? undefined })
      sent.on('error', fail)
      sent.on('response', (incoming) => {
        try {
          resolve(responseOf(incoming))
        } catch (error) {
          incoming.destroy()
          fail(error)
        }
      })
      sent.end(body === undefined || body === null ? undefined : String(body))
    })
  }
}

function responseOf(incoming: IncomingMessage): Response {
  const { statusCode: status = 0, statusMessage: statusText = '', rawHeaders } = incoming
  const headers = new Headers()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    headers.append(rawHeaders[i] as string, rawHeaders[i + 1] as string)
  if (!withoutBody.includes(status)) {
    return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status, statusText, headers })
  }
  incoming.resume()
  return new Response(null, { status, statusText, headers })
}
