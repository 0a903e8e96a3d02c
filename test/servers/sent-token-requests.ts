// The content of token requests, recorded by the `fetch` that is given to a provider.

export interface SentRequest {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly form: Readonly<Record<string, string>>
}

export type Answer = (request: SentRequest, count: number) => Response | Promise<Response>

const token: Answer = (_request, count) =>
  Response.json({ access_token: `token-${count}`, token_type: 'Bearer', expires_in: 3600 })

/** A `fetch` that records its requests and responds with a token, or with the result of `answer`. `count` begins with 1. */
export function recordingFetch(answer: Answer = token) {
  const sent: SentRequest[] = []
  const fetch = async (url: string | URL | Request, init: RequestInit = {}) => {
    const headers = Object.fromEntries(new Headers(init.headers))
    const body = String(init.body ?? '')
    const form = Object.fromEntries(new URLSearchParams(body))
    const request = { url: String(url), method: init.method ?? 'GET', headers, body, form }
    sent.push(request)
    const { signal } = init
    const aborted = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
    })
    return Promise.race([answer(request, sent.length), aborted])
  }
  return { fetch: fetch as typeof globalThis.fetch, sent }
}

/** A JWT that is never verified. */
export function unsignedJwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.ZmFrZS1zaWduYXR1cmU`
}
