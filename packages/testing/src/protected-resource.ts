import type { IncomingMessage } from 'node:http'
import type { AuthorizationServer } from './authorization-server.js'
import { DpopRules } from './dpop-rules.js'
import type { Iam } from './iam.js'
import { type IbmService, ibmRejections } from './ibm-services.js'
import { LoopbackServer, readBody } from './loopback-server.js'
import { appIdRefusal, bearerRefusal, mcaRefusal } from './refusals.js'
import { type Reply, sendReply } from './reply.js'
import { clientThumbprint, type ServerTls } from './server-tls.js'
import type { VerifiedToken } from './token-issuer.js'

/** Settings of `startProtectedResource()`. */
export interface ProtectedResourceOptions {
  /** The server whose tokens it accepts. */
  readonly authorizationServer: AuthorizationServer | Iam
  /**
   * The form of its rejections: of App ID's or MCA's middleware, of a service of IBM Cloud, or of RFC 6750 §3.1: 401 for an
   * invalid token, 403 for a missing scope.
   * @default 'appid', for tokens of IAM 'cloudant'
   */
  readonly challenge?: 'appid' | 'mca' | 'rfc6750' | IbmService
  /**
   * Scopes that a token must have, space-separated, or a function that returns them for each request. With the challenges
   * of App ID and RFC 6750.
   * @default none
   */
  readonly scope?: string | ((request: ReceivedRequest) => string | undefined)
  /** If it returns a reply, that is the response. Called with each request, before the token is checked. */
  readonly intercept?: (request: ReceivedRequest) => Reply | undefined
  /**
   * Speaks https and requests a client certificate. A token that is bound to one is accepted only over its connections.
   * @default plain HTTP
   */
  readonly tls?: ServerTls
}

/** A received request. */
export interface ReceivedRequest {
  /** As sent, e.g. `POST`. */
  readonly method: string
  /** Includes the query. */
  readonly path: string
  /** With lower-case names. */
  readonly headers: IncomingMessage['headers']
  /** The unparsed body. */
  readonly body: Buffer
  /** The digest of the client's certificate (`x5t#S256`, RFC 8705 §3.1), if it has sent one. */
  readonly certificateThumbprint?: string | undefined
}

/** A request with a valid token. */
export interface AcceptedRequest extends ReceivedRequest {
  /** The token's `sub`: a user, or the client itself. */
  readonly subject: string | undefined
}

/**
 * A protected resource in this process: responds to a valid token with 200 and `{ method, path, body }`, otherwise like App
 * ID's or MCA's own middleware.
 *
 * @example
 * ```ts
 * import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
 *
 * await using authorizationServer = await startAuthorizationServer()
 * await using resource = await startProtectedResource({ authorizationServer })
 * console.log((await fetch(resource.origin)).headers.get('www-authenticate'))
 * ```
 */
export async function startProtectedResource(options: ProtectedResourceOptions): Promise<ProtectedResource> {
  let resource: ProtectedResource | undefined
  const http = await LoopbackServer.start(async (request, response) => {
    const reply = await resource?.answer(request)
    if (reply !== undefined) await sendReply(response, reply)
  }, options.tls)
  resource = new ProtectedResource(http, options)
  return resource
}

/** The server of `startProtectedResource()`. */
export class ProtectedResource {
  /** `http://127.0.0.1` and its port; with the option `tls`, `https:`. */
  readonly origin: string
  /** Every request received, oldest first. */
  readonly received: ReceivedRequest[] = []
  /** Every request whose token was accepted, oldest first, with the subject of the token. */
  readonly accepted: AcceptedRequest[] = []
  /** Rejects every token, even a new one, like a service whose policy denies the request. */
  rejectsAll = false
  /** Its rules for proofs, for tokens that are bound to a key. */
  readonly dpop: DpopRules = new DpopRules()
  readonly #http: LoopbackServer
  readonly #options: ProtectedResourceOptions
  readonly #answers = new Map<number, number>()

  constructor(http: LoopbackServer, options: ProtectedResourceOptions) {
    this.#http = http
    this.#options = options
    this.origin = http.origin
  }

  /** The number of responses so far, by status. */
  get answers(): ReadonlyMap<number, number> {
    return this.#answers
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
  async answer(incoming: IncomingMessage): Promise<Reply> {
    const { method = 'GET', url: path = '/', headers } = incoming
    const certificateThumbprint = clientThumbprint(incoming)
    const request = { method, path, headers, body: await readBody(incoming), certificateThumbprint }
    this.received.push(request)
    const reply = this.#options.intercept?.(request) ?? (await this.#check(request))
    const status = reply.status ?? 200
    this.#answers.set(status, (this.#answers.get(status) ?? 0) + 1)
    return reply
  }

  async #check(request: ReceivedRequest): Promise<Reply> {
    const { method, path, headers, body, certificateThumbprint: certificate } = request
    const accept = (token: VerifiedToken | undefined): Reply => {
      this.accepted.push({ ...request, subject: token?.subject })
      return { body: { method, path, body: body.toString('utf8') } }
    }
    const [, bound] = /^DPoP (\S+)$/i.exec(headers.authorization ?? '') ?? []
    if (bound === undefined) {
      const token = await this.#bearerToken(headers.authorization, certificate)
      return this.#refusalOf(request, token, headers.authorization) ?? accept(token)
    }
    const { dpop: proof, host = new URL(this.origin).host } = headers
    const given = this.dpop.headersFor({ proof })
    const challenge = (error: string): Reply => ({
      status: 401,
      headers: { ...given, 'www-authenticate': `DPoP error="${error}", algs="ES256 EdDSA RS256 PS256"` },
      body: 'Unauthorized',
    })
    const token = this.rejectsAll ? undefined : await this.#options.authorizationServer.verify(bound)
    const verdict = await this.dpop.check({
      method,
      url: `${new URL(this.origin).protocol}//${host}${path}`,
      proof,
      accessToken: bound,
    })
    if ('error' in verdict) return challenge(verdict.error)
    if (token?.thumbprint !== verdict.thumbprint || !isFor(token, certificate)) return challenge('invalid_token')
    const refusal = this.#refusalOf(request, token, `Bearer ${bound}`)
    return refusal === undefined ? { ...accept(token), headers: given } : asDpop(refusal, given)
  }

  async #bearerToken(
    authorization: string | undefined,
    certificate: string | undefined,
  ): Promise<VerifiedToken | undefined> {
    const presented = this.rejectsAll ? '' : (/^Bearer (\S+)/.exec(authorization ?? '')?.[1] ?? '')
    const verified = await this.#options.authorizationServer.verify(presented)
    // A token that is bound to a key is not a Bearer token (RFC 9449 §7.2).
    return verified?.thumbprint === undefined && isFor(verified, certificate) ? verified : undefined
  }

  #refusalOf(
    request: ReceivedRequest,
    token: VerifiedToken | undefined,
    authorization: string | undefined,
  ): Reply | undefined {
    const { authorizationServer } = this.#options
    const scope = typeof this.#options.scope === 'function' ? this.#options.scope(request) : this.#options.scope
    const { challenge = 'tenantId' in authorizationServer ? 'appid' : 'cloudant' } = this.#options
    if (challenge === 'rfc6750') return bearerRefusal(scope, authorization, token)
    if (challenge !== 'appid' && challenge !== 'mca') return token ? undefined : ibmRejections[challenge]
    if (!('tenantId' in authorizationServer))
      throw new TypeError(`the challenge '${challenge}' needs tokens of App ID or MCA`)
    return challenge === 'mca'
      ? mcaRefusal(authorizationServer.tenantId, authorization, token)
      : appIdRefusal(authorizationServer.clientId, scope, token)
  }
}

/** RFC 8705 §3: a token that is bound to a certificate is only valid for connections with it. */
function isFor(token: VerifiedToken | undefined, certificate: string | undefined): boolean {
  return token?.certificateThumbprint === undefined || token.certificateThumbprint === certificate
}

/** The same challenge, to a token that is bound to a key. */
function asDpop(refusal: Reply, given: Readonly<Record<string, string>>): Reply {
  const challenge = refusal.headers?.['www-authenticate']
  const own = typeof challenge === 'string' && { 'www-authenticate': challenge.replace(/^Bearer/, 'DPoP') }
  return { ...refusal, headers: { ...refusal.headers, ...given, ...own } }
}
