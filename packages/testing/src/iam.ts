import type { IncomingMessage } from 'node:http'
import { isAuthenticated } from './client-check.js'
import { IamAccount, type TrustedProfile } from './iam-account.js'
import { iamError } from './iam-errors.js'
import { LoopbackServer, readBody } from './loopback-server.js'
import { type Reply, sendReply } from './reply.js'
import { signingKey } from './signing-key.js'
import { TokenIssuer, type VerifiedToken } from './token-issuer.js'

/** Settings of `startIam()`. */
export interface IamOptions {
  /** The valid API key. @default 'not-a-real-api-key' */
  readonly apikey?: string
  /** The token of the compute resource: the content of a projected token file. @default 'not-a-real-cr-token' */
  readonly computeResourceToken?: string
  /** The profile that the compute resource is linked to. @default one whose id is 'Profile-not-real' */
  readonly trustedProfile?: TrustedProfile
  /** The client that may authenticate with Basic. Any other `Authorization` is denied. @default none */
  readonly client?: { readonly clientId: string; readonly secret: string }
  /** Lifetime of tokens, in seconds. @default 3600 */
  readonly lifetimeSeconds?: number
}

/** A received token request. */
export interface IamTokenRequest {
  /** With lower-case names. */
  readonly headers: IncomingMessage['headers']
  /** The fields of the form, decoded. */
  readonly form: Readonly<Record<string, string>>
  /** The unparsed body. */
  readonly body: string
}

/**
 * IBM Cloud IAM in this process: tokens for an API key, or for the token of a compute resource.
 *
 * @example
 * ```ts
 * import { startIam } from '@mca-auth/testing'
 *
 * await using iam = await startIam()
 * const form = { grant_type: 'urn:ibm:params:oauth:grant-type:apikey', apikey: iam.account.apikey }
 * const response = await fetch(`${iam.url}/identity/token`, { method: 'POST', body: new URLSearchParams(form) })
 * console.log(await response.json())
 * ```
 */
export async function startIam(options: IamOptions = {}): Promise<Iam> {
  const issuer = new TokenIssuer(await signingKey(), 'not-a-real-account', 'default')
  let iam: Iam | undefined
  const http = await LoopbackServer.start(async (request, response) => {
    const reply = await iam?.answer(request)
    if (reply !== undefined) await sendReply(response, reply)
  })
  iam = new Iam(http, issuer, options)
  return iam
}

/** The server of `startIam()`. */
export class Iam {
  /** Its base URL, which takes the place of `https://iam.cloud.ibm.com`. */
  readonly url: string
  /** Its API key, its compute resource, and their limits. */
  readonly account: IamAccount
  /** Every token request received, oldest first. */
  readonly received: IamTokenRequest[] = []
  /** Lifetime of future tokens, in seconds. An account may have less than an hour. */
  lifetimeSeconds: number
  /** How long each token request waits before its response. */
  delayMs = 0
  readonly #http: LoopbackServer
  readonly #issuer: TokenIssuer
  readonly #client: IamOptions['client']
  readonly #script: Reply[] = []

  constructor(http: LoopbackServer, issuer: TokenIssuer, options: IamOptions) {
    this.#http = http
    this.#issuer = issuer
    this.url = http.origin
    this.account = new IamAccount(
      options.apikey ?? 'not-a-real-api-key',
      options.computeResourceToken ?? 'not-a-real-cr-token',
      options.trustedProfile ?? {
        id: 'Profile-not-real',
        name: 'not-a-real-profile',
        crn: 'crn:v1:bluemix:public:iam-identity::a/not-a-real-account::profile:Profile-not-real',
      },
    )
    this.#client = options.client
    this.lifetimeSeconds = options.lifetimeSeconds ?? 3600
  }

  /** Token requests so far. */
  get tokenRequests(): number {
    return this.received.length
  }

  /** Queues replies for the next token requests, one each; afterwards it behaves as usual again. */
  script(...replies: readonly Reply[]): void {
    this.#script.push(...replies)
  }

  /** Every token issued so far is rejected from now on. */
  revokeAll(): void {
    this.#issuer.revokeAll()
  }

  /** Checks signature, expiry and revocation. `undefined` for a token that is not valid. */
  verify(token: string): Promise<VerifiedToken | undefined> {
    return this.#issuer.verify(token)
  }

  /** A token response for this subject, of IAM itself or of a service that passes IAM's tokens on. */
  async issue(subject: string): Promise<Record<string, unknown>> {
    const expiresAt = Date.now() + this.lifetimeSeconds * 1000
    const claims = {
      iss: `${this.url}/identity`,
      iam_id: `iam-${subject}`,
      id: `iam-${subject}`,
      realmid: 'iam',
      sub: subject,
      identifier: subject,
      account: { valid: true, bss: 'not-a-real-account' },
      scope: 'ibm openid',
      client_id: 'default',
    }
    return {
      access_token: await this.#issuer.sign({ alg: 'RS256', kid: keyId }, claims, expiresAt),
      refresh_token: 'not_supported',
      token_type: 'Bearer',
      expires_in: this.lifetimeSeconds,
      expiration: Math.floor(expiresAt / 1000),
      scope: 'ibm openid',
    }
  }

  /** Ends it, with its connections. */
  async close(): Promise<void> {
    await this.#http.close()
  }

  /** The same as `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal */
  async answer(request: IncomingMessage): Promise<Reply> {
    const { pathname } = new URL(request.url ?? '/', this.url)
    const issuer = `${this.url}/identity`
    switch (`${request.method} ${pathname}`) {
      case 'POST /identity/token':
        return this.#answerTokenRequest(request)
      case 'GET /identity/keys':
        return { body: { keys: [{ ...this.#issuer.publicKey, kid: keyId, alg: 'RS256', use: 'sig' }] } }
      case 'GET /identity/.well-known/openid-configuration':
        return { body: { issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys` } }
      default:
        return { status: 404, body: 'Not Found' }
    }
  }

  async #answerTokenRequest(request: IncomingMessage): Promise<Reply> {
    const { headers } = request
    const body = (await readBody(request)).toString('utf8')
    const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
    const form = new URLSearchParams(isForm ? body : '')
    this.received.push({ headers, form: Object.fromEntries(form), body })
    const scripted = this.#script.shift()
    if (scripted !== undefined) return scripted
    const { delayMs } = this
    const isDenied = headers.authorization !== undefined && !this.#isKnownClient(request)
    const denial = isDenied ? iamError('BXNIM0602E') : this.account.refusal(form)
    if (denial !== undefined) return { ...denial, delayMs }
    return {
      body: await this.issue(form.has('apikey') ? 'ServiceId-not-real' : this.account.trustedProfile.id),
      delayMs,
    }
  }

  #isKnownClient(request: IncomingMessage): boolean {
    const client = this.#client
    return client !== undefined && isAuthenticated(request, new URLSearchParams(), client.clientId, [client.secret])
  }
}

const keyId = '20260901-not-real'
