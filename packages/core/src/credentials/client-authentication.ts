import { McaAuthError } from '../error.js'
import type { CredentialPart, Reading, ServerMetadata, TokenRequestDraft } from './credential-part.js'
import { callFunction } from './user-function.js'

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

/** The methods of RFC 6749 §2.3.1 and OpenID Connect Core §9 that use the client's secret. */
export const secretMethods = [
  'client_secret_basic',
  'client_secret_basic_raw',
  'client_secret_post',
  'client_secret_jwt',
] as const
export type SecretMethod = (typeof secretMethods)[number]

/** The client's secret, or a function that returns the current one. */
export type Secret = string | (() => string | Promise<string>)

/** No authentication: a public client sends its id (`none`), and without a `clientId` nothing is sent. */
export const publicClient: CredentialPart = {
  name: 'no client authentication',
  settings: ['none'],
  sharedSettings: ['none'],
  isShareable: true,
  canChange: false,
  read: () => ({
    text: '',
    owner: '',
    isShareable: true,
    secrets: [],
    write: ({ clientId, body }) => {
      if (clientId !== undefined) body.set('client_id', clientId)
    },
  }),
}

/** Authentication by the client's secret; if `method` is `undefined`, as the server's metadata says. */
export function secretPart(method: SecretMethod | undefined, secret: Secret): CredentialPart {
  const readingOf = (text: string): Reading => ({
    text,
    owner: text,
    isShareable: true,
    secrets: [text],
    write: (draft) => writeSecret(method ?? methodFor(draft.server, draft.clientId, text), text, draft),
  })
  const common = {
    name: method ?? 'client secret',
    settings: [method, secret],
    sharedSettings: [method ?? 'client_secret'],
    isShareable: true,
    canChange: typeof secret === 'function',
    sealingSecret: typeof secret === 'string' ? secret : undefined,
  }
  if (typeof secret === 'string') {
    const reading = readingOf(secret)
    return { ...common, read: () => reading }
  }
  return { ...common, read: async () => readingOf(await currentSecret(secret)) }
}

/** Adds a secret to the identity of a part that does not use it: two secrets are two clients. */
export function withSecretInIdentity(part: CredentialPart, secret: Secret): CredentialPart {
  const other = secretPart(undefined, secret)
  return {
    ...part,
    settings: [...part.settings, secret],
    canChange: part.canChange || other.canChange,
    sealingSecret: other.sealingSecret,
    read: async () => {
      const [own, { text }] = [await part.read(), await other.read()]
      const [bothTexts, owner] = [own.text, own.owner].map((part) => JSON.stringify([part, text])) as [string, string]
      return { ...own, text: bothTexts, owner, secrets: [...own.secrets, text] }
    },
  }
}

async function currentSecret(read: () => string | Promise<string>): Promise<string> {
  const secret: unknown = await callFunction('secret', read)
  if (typeof secret === 'string' && secret !== '') return secret
  throw new McaAuthError('MISSING_SECRET_ERROR', 'the `secret` function did not return a non-empty string')
}

/**
 * The method for a server with metadata: Basic if it is listed or nothing is (RFC 8414 §2). Servers disagree on whether
 * id and secret are form-encoded there, so if it matters the form is preferred.
 */
function methodFor(server: ServerMetadata, clientId = '', secret: string): SecretMethod {
  const listed = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const takes = (method: SecretMethod) => listed.includes(method)
  if (takes('client_secret_basic') && !(takes('client_secret_post') && encodingMatters(clientId, secret))) {
    return 'client_secret_basic'
  }
  if (takes('client_secret_post')) return 'client_secret_post'
  return takes('client_secret_jwt') ? 'client_secret_jwt' : 'client_secret_basic'
}

async function writeSecret(method: SecretMethod, secret: string, draft: TokenRequestDraft): Promise<void> {
  const { body, headers, clientId = '' } = draft
  if (method === 'client_secret_jwt') {
    const { addSecretAssertion } = await import('./signed-assertions.js')
    return addSecretAssertion(secret, draft)
  }
  if (method === 'client_secret_post') {
    body.set('client_id', clientId)
    body.set('client_secret', secret)
    return
  }
  if (method === 'client_secret_basic' && encodingMatters(clientId, secret)) {
    draft.hints.push("if the server takes id and secret raw, set `clientAuth: 'client_secret_basic_raw'`")
  }
  const encode = method === 'client_secret_basic' ? formEncode : (text: string) => text
  const pair = `${encode(clientId)}:${encode(secret)}`
  headers.set('authorization', `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`)
}

/** Whether RFC 6749's form encoding changes this id or secret, so that a server which expects them raw denies the request. */
function encodingMatters(...texts: string[]): boolean {
  return texts.some((text) => formEncode(text) !== text)
}

/** application/x-www-form-urlencoded as defined by the WHATWG: leaves `-._*` alone (RFC 6749 appendix B). */
export function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
