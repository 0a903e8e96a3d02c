import { type Checks, checkFields, httpUrl, record } from '../validate.js'
import type { CredentialPart, OwnSending } from './credential-part.js'
import { asFunction, type Grant } from './grant.js'
import { type IbmTrustedProfile, profileField } from './ibm-iam.js'

/** The profile, and the metadata service. */
export interface IbmVpcSettings {
  /** The trusted profile, by `id` or `crn`. @default the instance's default profile */
  readonly trustedProfile?: { readonly id: string } | { readonly crn: string } | undefined
  /** The metadata service, e.g. `https://api.metadata.cloud.ibm.com`. @default 'http://169.254.169.254' */
  readonly url?: string | undefined
  /** Version of its interface, a date; from 2025-08-26 on it has other paths. @default '2022-03-01' */
  readonly version?: string | undefined
}

const linkLocal = 'http://169.254.169.254'
/** From this version on, and at Power Virtual Servers, which have no versions, the paths are new. */
const newPathsSince = '2025-08-26'
const identityTokenSeconds = 300

const checks: Checks<IbmVpcSettings> = {
  trustedProfile: (name, value) => {
    if (profileField(name, value)[0] === 'name') throw new TypeError(`\`${name}\` must have either \`id\` or \`crn\``)
  },
  url: httpUrl,
  version: (name, value) => {
    if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) throw new TypeError(`\`${name}\` must be a date`)
  },
}

/**
 * For `grant`: tokens of IBM Cloud IAM for a virtual server, a bare metal server or a Power Virtual Server, from its
 * instance metadata service, for a trusted profile. No secret is stored. It implies the server, and needs no `clientId`.
 *
 * The metadata service must be enabled for the instance. It responds to a container with its own network only if its hop
 * limit is more than 1. The client is the instance itself, so a `sharedCache` is used only with an `identity`.
 * Its tokens have no scope: `scope`, `resource` and `parameters` are not sent.
 *
 * @throws TypeError for bad settings.
 * @example
 * ```ts
 * import { createTokenProvider, ibmVpc } from '@mca-auth/core'
 *
 * createTokenProvider({ grant: ibmVpc({ trustedProfile: { id: 'Profile-11112222-3333-4444-5555-666677778888' } }) })
 * ```
 */
export function ibmVpc(settings: IbmVpcSettings = {}): Grant {
  record('the settings of `ibmVpc`', settings)
  checkFields<IbmVpcSettings>('setting of `ibmVpc`', settings, checks)
  const { trustedProfile, url = linkLocal, version = '2022-03-01' } = settings
  const profile = trustedProfile && profileField('trustedProfile', trustedProfile as IbmTrustedProfile)
  const base = httpUrl('url', url)
  const isPower = base.hostname.endsWith('.power-iaas.cloud.ibm.com')
  const hasNewPaths = isPower || version >= newPathsSince
  const at = (path: string) => {
    const endpoint = new URL(`${base.origin}${base.pathname.replace(/\/+$/, '')}${path}`)
    if (!isPower) endpoint.searchParams.set('version', version)
    return endpoint
  }
  const identityToken = at(hasNewPaths ? '/identity/v1/token' : '/instance_identity/v1/token')
  const iamToken = at(hasNewPaths ? '/identity/v1/iam_tokens' : '/instance_identity/v1/iam_token')
  const part: CredentialPart = {
    name: 'the instance metadata service',
    settings: ['ibm-vpc', iamToken.href, profile],
    sharedSettings: ['ibm-vpc', profile],
    // The identity of the instance is not known before the request.
    isShareable: false,
    canChange: false,
    server: { kind: 'vpc', url: iamToken, further: [identityToken] },
    silenceHint:
      'the instance metadata service must be enabled for the instance, and its hop limit must let a container reach it',
    send: (sending) => request(sending, identityToken, iamToken, profile),
    read: () => ({ text: '', owner: '', isShareable: false, secrets: [], write: () => {} }),
  }
  return asFunction('grant', part)
}

async function request(
  { fetch, tokenIn, hints }: OwnSending,
  identityToken: URL,
  iamToken: URL,
  profile: readonly [field: string, value: string] | undefined,
): Promise<Response> {
  hints.push(
    'see that the metadata service is enabled for the instance and offers this `version`, and that the profile is linked',
  )
  const json = { accept: 'application/json', 'content-type': 'application/json', 'metadata-flavor': 'ibm' }
  const lifetime = JSON.stringify({ expires_in: identityTokenSeconds })
  const identity = await tokenIn(await fetch(identityToken, { method: 'PUT', headers: json, body: lifetime }))
  const headers = { ...json, authorization: `Bearer ${identity}` }
  const body = profile && JSON.stringify({ trusted_profile: Object.fromEntries([profile]) })
  return fetch(iamToken, { method: 'POST', headers, ...(body !== undefined && { body }) })
}
