import { iamError, iamThrottling } from './iam-errors.js'
import type { Reply } from './reply.js'

/** A trusted profile, by each of its names. */
export interface TrustedProfile {
  /** e.g. `Profile-11112222-3333-4444-5555-666677778888`. */
  readonly id: string
  /** Its name within the account. */
  readonly name: string
  /** Its Cloud Resource Name. */
  readonly crn: string
}

/** An account of IAM with one API key, and one compute resource that is linked to one trusted profile. */
export class IamAccount {
  /** The profile that the compute resource may use. */
  readonly trustedProfile: TrustedProfile
  /** The token that the compute resource must present from now on. */
  computeResourceToken: string
  /** Whether the compute resource is linked to the trusted profile. */
  isProfileLinked = true
  readonly #disabled = new Set<string>()
  readonly #throttled = new Map<string, number | undefined>()
  #apikey: string

  constructor(apikey: string, computeResourceToken: string, trustedProfile: TrustedProfile) {
    this.#apikey = apikey
    this.computeResourceToken = computeResourceToken
    this.trustedProfile = trustedProfile
  }

  /** The current API key. */
  get apikey(): string {
    return this.#apikey
  }

  /** Replaces the API key. The old one is not found from now on. */
  rotateApikey(apikey: string): void {
    this.#apikey = apikey
  }

  /** Disables the current API key. */
  disableApikey(): void {
    this.#disabled.add(this.#apikey)
  }

  /** Limits the token requests of one API key, but no others. The response may say for how long. */
  throttleApikey(apikey: string, retryAfterSeconds?: number): void {
    this.#throttled.set(apikey, retryAfterSeconds)
  }

  /** Ends every limit. */
  endThrottling(): void {
    this.#throttled.clear()
  }

  /** IAM's error for a token request that gets no token. */
  refusal(form: URLSearchParams): Reply | undefined {
    switch (form.get('grant_type')) {
      case 'urn:ibm:params:oauth:grant-type:apikey':
        return this.#apikeyRefusal(form.get('apikey'), form.get('response_type'))
      case 'urn:ibm:params:oauth:grant-type:cr-token':
        return this.#profileRefusal(form)
      default:
        return iamError('BXNIM0106E', 'grant_type')
    }
  }

  #apikeyRefusal(apikey: string | null, responseType: string | null): Reply | undefined {
    if (!apikey) return iamError('BXNIM0109E', 'apikey')
    if (responseType !== null && responseType !== 'cloud_iam') return iamError('BXNIM0106E', 'response_type')
    if (this.#throttled.has(apikey)) return iamThrottling(this.#throttled.get(apikey))
    if (apikey !== this.#apikey) return iamError('BXNIM0415E')
    return this.#disabled.has(apikey) ? iamError('BXNIM0462E') : undefined
  }

  #profileRefusal(form: URLSearchParams): Reply | undefined {
    // IBM's client does not trim the content of a file.
    const token = form.get('cr_token')?.trim()
    if (!token) return iamError('BXNIM0109E', 'cr_token')
    const { id, name, crn } = this.trustedProfile
    const named = { profile_id: id, profile_name: name, profile_crn: crn }
    const given = Object.entries(named).filter(([field]) => form.has(field))
    if (given.length === 0) return iamError('BXNIM0109E', 'profile_id')
    const isKnown = token === this.computeResourceToken && given.every(([field, value]) => form.get(field) === value)
    return isKnown && this.isProfileLinked ? undefined : iamError('BXNIM0398E')
  }
}
