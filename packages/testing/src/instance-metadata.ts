import type { IncomingMessage } from 'node:http'
import type { Iam } from './iam.js'
import { LoopbackServer, readBody } from './loopback-server.js'
import { metadataError } from './metadata-errors.js'
import { type Reply, sendReply } from './reply.js'

/** Settings of `startInstanceMetadata()`. */
export interface InstanceMetadataOptions {
  /** The IAM whose tokens it issues, for the trusted profile of its account. */
  readonly iam: Iam
}

/** A received request. */
export interface MetadataRequest {
  /** As sent, e.g. `POST`. */
  readonly method: string
  /** Includes the query. */
  readonly path: string
  /** With lower-case names. */
  readonly headers: IncomingMessage['headers']
  /** The unparsed body. */
  readonly body: string
}

/**
 * The instance metadata service of IBM Cloud VPC in this process: issues an identity token of the instance, and in exchange
 * for that a token of IAM.
 *
 * @example
 * ```ts
 * import { startIam, startInstanceMetadata } from '@mca-auth/testing'
 *
 * await using iam = await startIam()
 * await using metadata = await startInstanceMetadata({ iam })
 * const headers = { 'metadata-flavor': 'ibm' }
 * const url = `${metadata.url}/instance_identity/v1/token?version=2022-03-01`
 * console.log((await fetch(url, { method: 'PUT', headers, body: '{"expires_in":300}' })).status)
 * ```
 */
export async function startInstanceMetadata(options: InstanceMetadataOptions): Promise<InstanceMetadata> {
  if (options?.iam === undefined) throw new TypeError('`iam` is missing: the result of `startIam()`')
  let service: InstanceMetadata | undefined
  const http = await LoopbackServer.start(async (request, response) => {
    const reply = await service?.answer(request)
    if (reply !== undefined) await sendReply(response, reply)
  })
  service = new InstanceMetadata(http, options)
  return service
}

/** The paths before and since version 2025-08-26. */
const paths = {
  old: { identity: '/instance_identity/v1/token', iam: '/instance_identity/v1/iam_token' },
  new: { identity: '/identity/v1/token', iam: '/identity/v1/iam_tokens' },
}

/** The service of `startInstanceMetadata()`. */
export class InstanceMetadata {
  /** Its base URL, which takes the place of `http://169.254.169.254`. */
  readonly url: string
  /** Every request received, oldest first. */
  readonly received: MetadataRequest[] = []
  /** Whether the service is switched on for the instance. It is off by default in IBM Cloud. */
  isEnabled = true
  /** Never responds, as to a container beyond the service's hop limit. */
  isSilent = false
  readonly #http: LoopbackServer
  readonly #iam: Iam
  readonly #script: Reply[] = []
  /** When each identity token expires. */
  readonly #identities = new Map<string, number>()

  constructor(http: LoopbackServer, { iam }: InstanceMetadataOptions) {
    this.#http = http
    this.#iam = iam
    this.url = http.origin
  }

  /** Queues replies for the next requests, one each; afterwards it behaves as usual again. */
  script(...replies: readonly Reply[]): void {
    this.#script.push(...replies)
  }

  /** Every identity token issued so far is rejected from now on. */
  forgetIdentities(): void {
    this.#identities.clear()
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
    const { method = 'GET', url: path = '/', headers } = request
    const body = (await readBody(request)).toString('utf8')
    this.received.push({ method, path, headers, body })
    if (this.isSilent) return { hang: 'headers' }
    return this.#script.shift() ?? (await this.#serve({ method, path, headers, body }))
  }

  async #serve({ method, path, headers, body }: MetadataRequest): Promise<Reply> {
    if (!this.isEnabled) return metadataError(403, 'unauthorized', 'The metadata service is disabled.')
    const { pathname, searchParams } = new URL(path, this.url)
    const version = searchParams.get('version')
    if (version === null) return metadataError(400, 'missing_value', 'A version is required.', 'version', 'parameter')
    if (!/^\d{4}-\d\d-\d\d$/.test(version) || version < '2022-03-01') {
      return metadataError(400, 'invalid_value', 'The version is invalid.', 'version', 'parameter')
    }
    const { identity, iam } = version < '2025-08-26' ? paths.old : paths.new
    if (pathname !== identity && pathname !== iam) return metadataError(404, 'not_found', 'The path was not found.')
    if (headers['metadata-flavor'] !== 'ibm') {
      return metadataError(400, 'missing_value', 'The header is required.', 'Metadata-Flavor', 'header')
    }
    const json = parse(body)
    if (json === undefined) return metadataError(400, 'invalid_request', 'The body is not a JSON object.')
    if (pathname === identity && method === 'PUT') return this.#identity(json)
    if (pathname === iam && method === 'POST') return this.#iamToken(headers.authorization, json)
    return metadataError(404, 'not_found', 'The method was not found.')
  }

  #identity({ expires_in: seconds = 300 }: Readonly<Record<string, unknown>>): Reply {
    if (typeof seconds !== 'number' || seconds < 5 || seconds > 3600) {
      return metadataError(400, 'invalid_value', 'Must be from 5 to 3600.', 'expires_in', 'field')
    }
    const now = Date.now()
    const token = `not-a-real-identity-token-${this.#identities.size}-${now}`
    this.#identities.set(token, now + seconds * 1000)
    return { body: { access_token: token, ...times(now, seconds) } }
  }

  async #iamToken(authorization: string | undefined, json: Readonly<Record<string, unknown>>): Promise<Reply> {
    const [, identity = ''] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? []
    if ((this.#identities.get(identity) ?? 0) <= Date.now()) {
      return metadataError(401, 'unauthenticated', 'The identity token is missing, expired or not of this instance.')
    }
    const { trustedProfile, isProfileLinked } = this.#iam.account
    if (!isProfileLinked || !isProfile(json.trusted_profile, trustedProfile)) {
      return metadataError(400, 'profile_not_linked', 'The profile is not linked to this instance.')
    }
    const { access_token, expires_in } = await this.#iam.issue(trustedProfile.id)
    // Unlike IAM, it names no token type.
    return { body: { access_token, ...times(Date.now(), expires_in as number) } }
  }
}

/** Without a profile, it is the default one of the instance. */
function isProfile(asked: unknown, profile: { readonly id: string; readonly crn: string }): boolean {
  if (asked === undefined) return true
  const { id, crn } = (asked ?? {}) as { id?: unknown; crn?: unknown }
  return id === undefined ? crn === profile.crn : id === profile.id && crn === undefined
}

function times(now: number, seconds: number): object {
  const at = (ms: number) => new Date(ms).toISOString()
  return { created_at: at(now), expires_at: at(now + seconds * 1000), expires_in: seconds }
}

function parse(body: string): Readonly<Record<string, unknown>> | undefined {
  if (body === '') return {}
  try {
    const json: unknown = JSON.parse(body)
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
