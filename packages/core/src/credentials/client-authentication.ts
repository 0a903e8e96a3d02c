/**
 * Adds the client's authentication to a token request: `(as, client, body, headers) => void | Promise<void>`. `body`
 * is the form as `URLSearchParams`, `headers` a `Headers`, `client` holds `client_id`, `as` holds `token_endpoint`.
 * The `ClientAuth` of `oauth4webapi` fits, so that its `PrivateKeyJwt()` can be used as is.
 *
 * @example
 * ```ts
 * import type { ClientAuth } from '@mca-auth/core'
 *
 * const clientAuth: ClientAuth = (_as, client, body, headers) => {
 *   body.set('client_id', client.client_id)
 *   headers.set('x-api-key', process.env.GATEWAY_KEY ?? '')
 * }
 * ```
 */
export type ClientAuth = (
  // Type literals, which fit a parameter that has an index signature. Interfaces would not.
  as: { readonly issuer: string; readonly token_endpoint: string },
  client: { readonly client_id: string },
  body: URLSearchParams,
  headers: Headers,
) => void | Promise<void>

type SecretMethod = 'client_secret_basic' | 'client_secret_basic_raw' | 'client_secret_post'

export function clientAuthentication(method: SecretMethod, secret: string): ClientAuth {
  return (_as, client, body, headers) => {
    if (method === 'client_secret_post') {
      body.set('client_id', client.client_id)
      body.set('client_secret', secret)
      return
    }
    const encode = method === 'client_secret_basic' ? formEncode : (text: string) => text
    const pair = `${encode(client.client_id)}:${encode(secret)}`
    headers.set('authorization', `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`)
  }
}

/** Whether RFC 6749's form encoding changes this id or secret, so that a server which takes them raw denies it. */
export function encodingMatters(...texts: string[]): boolean {
  return texts.some((text) => formEncode(text) !== text)
}

/** application/x-www-form-urlencoded as the WHATWG has it: leaves `-._*` alone (RFC 6749 appendix B). */
export function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
