import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { AuthorizationServerOptions } from './authorization-server-options.js'
import { isAuthenticated, unauthorized } from './client-check.js'
import { DpopRules } from './dpop-rules.js'
import { type LoopbackServer, readParameters } from './loopback-server.js'
import type { Reply } from './reply.js'
import { ClientCertificates, clientThumbprint } from './server-tls.js'
import type { SigningKey } from './signing-key.js'
import { type Confirmation, TokenIssuer, type VerifiedToken } from './token-issuer.js'
import { exchangeGrantTypes, Users } from './users.js'

/** The server of `startAuthorizationServer()`. */
export class AuthorizationServer {
  /** `http://127.0.0.1` and its port; with the option `tls`, `https:`. */
  readonly origin: string
  /** The tenant of App ID and MCA. */
  readonly tenantId: string
  /** The client that may request tokens. */
  readonly clientId: string
  /** Lifetime of future tokens, in seconds. */
  lifetimeSeconds: number
  /** How long each token request waits before its response, in ms. */
  delayMs = 0
  /** Its rules for proofs. A token request with a proof gets a token that is bound to the key of the proof. */
  readonly dpop: DpopRules = new DpopRules()
  /** The users on whose behalf App ID's path also issues tokens. */
  readonly users: Users
  /** The certificates of its clients, with the option `tls`. */
  readonly certificates: ClientCertificates
  /** Ignores proofs and issues Bearer tokens, like a server without support for DPoP. */
  ignoresDpop = false
  /** Scopes that every token has, space-separated. */
  scope = 'appid_default'
  /** Responds with the last token as long as it is valid, as some servers do. */
  reissue = false
  readonly #http: LoopbackServer
  readonly #issuer: TokenIssuer
  readonly #version: 3 | 4
  readonly #expiresInAs: 'number' | 'string'
  readonly #requests = new Map<string, number>()
  #secrets: readonly string[]
  readonly #script: Reply[] = []
  #last: { readonly token: string; readonly expiresAt: number } | undefined

  constructor(http: LoopbackServer, key: SigningKey, options: AuthorizationServerOptions) {
    this.#http = http
    this.origin = http.origin
    this.certificates = new ClientCertificates(options.tls)
    this.tenantId = options.tenantId ?? randomUUID()
    this.clientId = options.clientId ?? 'test-client'
    this.#issuer = new TokenIssuer(key, this.tenantId, this.clientId)
    this.users = new Users(this.#issuer, () => this.#oauthServerUrl)
    this.#secrets = [options.secret ?? 'not-a-real-secret']
    this.#version = options.version ?? 4
    this.lifetimeSeconds = options.lifetimeSeconds ?? 3600
    this.#expiresInAs = options.expiresInAs ?? 'number'
  }

  /** The current secret of the client. */
  get secret(): string {
    return this.#secrets[0] as string
  }

  /** Options for a client of App ID. */
  get appId(): { clientId: string; secret: string; oauthServerUrl: string } {
    return { clientId: this.clientId, secret: this.secret, oauthServerUrl: this.#oauthServerUrl }
  }

  /** Options for a client of MCA. */
  get mca(): { appId: string; clientId: string; secret: string; serverUrl: string } {
    const serverUrl = `${this.origin}/imf-authserver`
    return { appId: this.tenantId, clientId: this.clientId, secret: this.secret, serverUrl }
  }

  /** Requests so far, by path. */
  get requests(): ReadonlyMap<string, number> {
    return this.#requests
  }

  /** Token requests so far, App ID's and MCA's. */
  get tokenRequests(): number {
    let count = 0
    for (const [path, times] of this.#requests) if (path.endsWith('/token')) count += times
    return count
  }

  /** Queues scripted replies for the next token requests, one each; afterwards it behaves as usual again. */
  script(...replies: readonly Reply[]): void {
    this.#script.push(...replies)
  }

  /** Forgets the rest of the script. */
  clearScript(): void {
    this.#script.length = 0
  }

  /** This token is rejected from now on. @throws for anything but a JWT. */
  revoke(token: string): void {
    this.#issuer.revoke(token)
  }

  /** Every token issued so far is rejected from now on. */
  revokeAll(): void {
    this.#issuer.revokeAll()
  }

  /** Changes the secret; with `keepOld`, the previous one stays valid, too. */
  rotateSecret(secret: string, options: { readonly keepOld?: boolean } = {}): void {
    this.#secrets = options.keepOld === true ? [secret, ...this.#secrets] : [secret]
  }

  /** Checks signature, expiry and revocation. `undefined` for a token that is not valid. */
  verify(token: string): Promise<VerifiedToken | undefined> {
    return this.#issuer.verify(token)
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
    const path = new URL(request.url ?? '/', this.origin).pathname
    this.#requests.set(path, (this.#requests.get(path) ?? 0) + 1)
    const body = await readParameters(request)
    const appId = `/oauth/v${this.#version}/${this.tenantId}`
    const mca = `/imf-authserver/authorization/v1/apps/${this.tenantId}`
    switch (`${request.method} ${path}`) {
      case `POST ${appId}/token`:
        return this.#answerTokenRequest(request, body, 'appid')
      case `POST ${mca}/token`:
        return this.#answerTokenRequest(request, body, 'mca')
      case `POST ${appId}/introspect`:
        if (!isAuthenticated(request, body, this.clientId, this.#secrets)) return unauthorized
        return { body: { active: (await this.verify(body.get('token') ?? '')) !== undefined } }
      case `GET ${appId}/publickeys`:
        return { body: { keys: [{ ...this.#issuer.publicKey, kid: this.#issuer.keyId, alg: 'RS256', use: 'sig' }] } }
      case `GET ${mca}/publickey`:
        return { body: { n: this.#issuer.publicKey.n, e: this.#issuer.publicKey.e } }
      case `GET ${appId}/.well-known/openid-configuration`:
        return { body: this.#discovery() }
      default:
        return { status: 404, body: { error: 'not_found' } }
    }
  }

  get #oauthServerUrl(): string {
    return `${this.origin}/oauth/v${this.#version}/${this.tenantId}`
  }

  async #answerTokenRequest(request: IncomingMessage, body: URLSearchParams, kind: 'appid' | 'mca'): Promise<Reply> {
    const scripted = this.#script.shift()
    if (scripted !== undefined) return scripted
    const { delayMs } = this
    const certificate = clientThumbprint(request)
    this.certificates.seen.push(certificate)
    const isCertified = this.certificates.authenticate(request, body, this.clientId)
    if (!isCertified && !isAuthenticated(request, body, this.clientId, this.#secrets)) {
      return { ...unauthorized, delayMs }
    }
    const user = kind === 'appid' ? await this.users.evaluate(body) : undefined
    if (user !== undefined && 'error' in user) return { status: 400, body: user, delayMs }
    if (user === undefined && body.get('grant_type') !== 'client_credentials') {
      return { status: 400, body: { error: 'unsupported_grant_type' }, delayMs }
    }
    const scope = [this.scope, body.get('scope')].filter(Boolean).join(' ')
    const issue = (jkt?: string) => {
      const cnf = { jkt, 'x5t#S256': certificate }
      if (user === undefined) return this.#issue(kind, scope, cnf)
      return this.users.issue(user, scope, this.lifetimeSeconds, cnf)
    }
    const { dpop: proof } = request.headers
    if (proof === undefined || this.ignoresDpop) return { body: await issue(), delayMs }
    const url = `${this.origin}${request.url}`
    const verdict = await this.dpop.check({ method: 'POST', url, proof })
    const headers = this.dpop.headersFor({ proof })
    if ('error' in verdict) {
      return { status: 400, headers, body: { error: verdict.error, error_description: verdict.description }, delayMs }
    }
    return { headers, body: await issue(verdict.thumbprint), delayMs }
  }

  async #issue(kind: 'appid' | 'mca', scope: string, cnf: Confirmation): Promise<Record<string, unknown>> {
    const now = Date.now()
    const reused = this.reissue && this.#last !== undefined && this.#last.expiresAt > now ? this.#last : undefined
    const expiresAt = reused?.expiresAt ?? now + this.lifetimeSeconds * 1000
    const sign = () =>
      kind === 'mca'
        ? this.#issuer.signMca(scope, expiresAt, cnf)
        : this.#issuer.signAppId(this.#version, this.#oauthServerUrl, scope, expiresAt, cnf)
    const token = reused?.token ?? (await sign())
    this.#last = { token, expiresAt }
    const expiresIn = reused === undefined ? this.lifetimeSeconds : Math.floor((expiresAt - now) / 1000)
    return {
      access_token: token,
      token_type: cnf.jkt === undefined ? 'Bearer' : 'DPoP',
      expires_in: this.#expiresInAs === 'string' ? String(expiresIn) : expiresIn,
      ...(kind === 'appid' && { scope }),
    }
  }

  #discovery(): Record<string, unknown> {
    const issuer = this.#oauthServerUrl
    return {
      issuer,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/publickeys`,
      introspection_endpoint: `${issuer}/introspect`,
      grant_types_supported: ['client_credentials', ...exchangeGrantTypes],
    }
  }
}
