import type { ConnectionCertificate, CredentialPart } from '../credentials/credential-part.js'
import type { Credentials } from '../credentials/credentials.js'
import { type Material, MaterialReader } from '../credentials/material.js'
import type { SharedCacheCoordinator } from '../shared-cache/shared-cache-coordinator.js'
import type { Telemetry } from '../telemetry.js'
import type { TokenEndpointClient } from '../token-endpoint/token-endpoint-client.js'
import type { PreparedTokenRequest } from '../token-endpoint/token-request.js'
import type { TokenResponse } from '../token-endpoint/token-response.js'
import type { CachedToken } from './access-token.js'
import type { ResolvedRefreshPolicy } from './refresh-policy.js'
import type { SubjectLifetime } from './subject-lifetime.js'

/** Makes a token from a response, bound to a key or not. */
export type TokenMaker = (
  key: string,
  response: TokenResponse,
  now: number,
  policy: ResolvedRefreshPolicy,
  jitter: number,
  certificate?: ConnectionCertificate,
) => CachedToken

/** Gets a new token from the shared cache, if there is one, or else from the token endpoint. */
export class TokenRefresher {
  readonly #credentials: Credentials
  readonly #endpoint: TokenEndpointClient
  readonly #shared: SharedCacheCoordinator | undefined
  readonly #telemetry: Telemetry
  readonly #timeoutMs: number
  readonly #policy: ResolvedRefreshPolicy
  readonly #tokens: TokenMaker
  readonly #subjectLifetime: SubjectLifetime | undefined
  /** Spreads the refreshes of a fleet. */
  readonly #jitter: number = 1 - Math.random() / 5

  constructor(
    credentials: Credentials,
    endpoint: TokenEndpointClient,
    shared: SharedCacheCoordinator | undefined,
    telemetry: Telemetry,
    timeoutMs: number,
    policy: ResolvedRefreshPolicy,
    tokens: TokenMaker,
    subjectLifetime?: SubjectLifetime,
  ) {
    this.#credentials = credentials
    this.#endpoint = endpoint
    this.#shared = shared
    this.#telemetry = telemetry
    this.#timeoutMs = timeoutMs
    this.#policy = policy
    this.#tokens = tokens
    this.#subjectLifetime = subjectLifetime
  }

  /** A token other than the cached one, which may still be valid. */
  async refresh(request: PreparedTokenRequest, held: CachedToken | undefined): Promise<CachedToken> {
    const start = performance.now()
    let fromEndpoint = false
    const reader = new MaterialReader([this.#grantFor(request), this.#credentials.clientAuth])
    const requestToken = async () => {
      fromEndpoint = true
      return this.#limit(request, await this.#endpoint.request(request, reader, start + this.#timeoutMs))
    }
    try {
      const isFreshEnough = (response: TokenResponse) =>
        this.#isFreshEnough(request, this.#limit(request, response), held)
      const response = await this.#findOrRequest(
        request.key,
        reader,
        start + this.#timeoutMs / 2,
        isFreshEnough,
        requestToken,
      )
      // The last reading is the one for which the token was requested or found.
      const token = this.#tokenOf(request, response, reader.last?.certificate)
      this.#telemetry.refreshed(token, performance.now() - start, !fromEndpoint)
      return token
    } catch (error) {
      this.#telemetry.failed(request.key, error, performance.now() - start)
      throw error
    }
  }

  /** A resource rejected this token; stop every process in the fleet from using it. */
  reject(token: CachedToken): void {
    this.#shared?.reject(token.key, token.accessToken)
  }

  close(): void {
    this.#shared?.close()
    this.#endpoint.close()
  }

  /** From the shared cache, waiting for it until `deadline`, or from the token endpoint. */
  async #findOrRequest(
    key: string,
    reader: MaterialReader,
    deadline: number,
    isFreshEnough: (response: TokenResponse) => boolean,
    requestToken: () => Promise<TokenResponse>,
  ): Promise<TokenResponse> {
    if (this.#shared === undefined) return requestToken()
    let material: Material
    try {
      // The cache is searched by owner, so after a rotation nothing is found.
      material = await this.#endpoint.readMaterial(reader, deadline)
    } catch {
      return requestToken() // which reads it again, and reports what is wrong
    }
    // Other processes could not recognise the token as theirs without an `identity`.
    if (!material.isShareable && this.#credentials.identity === undefined) return requestToken()
    const { owner } = material
    return this.#shared.findOrRequest({ key, owner }, isFreshEnough, deadline, async () => {
      const response = await requestToken()
      return { response, isOwn: reader.last?.owner === owner }
    })
  }

  /** While the cached token is valid, only a fresher one is useful. */
  #isFreshEnough(request: PreparedTokenRequest, response: TokenResponse, held: CachedToken | undefined): boolean {
    const token = this.#tokenOf(request, response)
    if (token.expiresAt !== response.issuedAt + response.lifetimeMs) return false // it has expired
    const now = Date.now()
    const isServed = held !== undefined && held.state(now) !== 'expired'
    const state = token.state(now)
    return isServed ? state === 'fresh' : state !== 'expired'
  }

  #tokenOf(request: PreparedTokenRequest, given: TokenResponse, certificate?: ConnectionCertificate): CachedToken {
    const { key, subject } = request
    const response = this.#limit(request, given)
    const policy = subject && this.#subjectLifetime?.policyFor(response, subject, this.#policy)
    return this.#tokens(key, response, Date.now(), policy ?? this.#policy, this.#jitter, certificate)
  }

  #limit({ subject }: PreparedTokenRequest, response: TokenResponse): TokenResponse {
    return (subject && this.#subjectLifetime?.limit(response, subject)) ?? response
  }

  #grantFor({ subject }: PreparedTokenRequest): CredentialPart {
    const { grant } = this.#credentials
    if (subject === undefined) return grant
    if (grant.forSubject === undefined) throw new TypeError(`a subject for a grant that presents none: ${grant.name}`)
    return grant.forSubject(subject.text)
  }
}
