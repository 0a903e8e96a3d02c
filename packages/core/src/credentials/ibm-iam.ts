import { type Checks, checkFields, httpUrl, nonEmptyString, record, rejectUnknownKeys } from '../validate.js'
import type { CredentialPart, Reading } from './credential-part.js'
import { asFunction, type Grant } from './grant.js'
import { tokenReading } from './presented-token.js'
import { readSource, readTokenFile, unusable } from './text-source.js'

/** An API key, or a trusted profile. */
export type IbmIamSettings =
  | {
      /** The API key, or a function that returns the current one: it is called for each token request. */
      readonly apikey: string | (() => string | Promise<string>)
      /** IAM's private or staging endpoint. @default 'https://iam.cloud.ibm.com' */
      readonly url?: string | undefined
    }
  | {
      /** The profile whose access rights the token has. */
      readonly trustedProfile: IbmTrustedProfile
      /** The compute resource's token. @default the first file that exists at a path where IBM Cloud mounts one */
      readonly tokenFile?: string | undefined
      /** IAM's private or staging endpoint. @default 'https://iam.cloud.ibm.com' */
      readonly url?: string | undefined
    }

/** A trusted profile, by one of its names. Only the `id` is valid everywhere. */
export type IbmTrustedProfile = { readonly id: string } | { readonly name: string } | { readonly crn: string }

interface AllSettings {
  readonly apikey?: string | (() => string | Promise<string>) | undefined
  readonly trustedProfile?: IbmTrustedProfile | undefined
  readonly tokenFile?: string | undefined
  readonly url?: string | undefined
}

const checks: Checks<AllSettings> = {
  apikey: (name, value) => typeof value === 'function' || nonEmptyString(name, value),
  trustedProfile: profileField,
  tokenFile: nonEmptyString,
  url: httpUrl,
}

const cloud = 'https://iam.cloud.ibm.com'
const path = '/identity/token'
const grantTypes = 'urn:ibm:params:oauth:grant-type:'

/** Vault's agent, Kubernetes Service and OpenShift, Code Engine: in the order of IBM's own client. */
const tokenFiles = [
  '/var/run/secrets/tokens/vault-token',
  '/var/run/secrets/tokens/sa-token',
  '/var/run/secrets/codeengine.cloud.ibm.com/compute-resource-token/token',
]

/**
 * Tokens of IBM Cloud IAM: for Cloudant, watsonx.ai, Object Storage, Code Engine and all other services of IBM Cloud. It
 * has its own server and does not need a `clientId`. If `clientId` and `secret` are given, they are sent to IAM as well.
 *
 * With a trusted profile, no secret is stored: the platform mounts a token of the compute resource (`--trusted-profiles-enabled`
 * in Code Engine, a projected service account token in Kubernetes), which is read again for each token request.
 *
 * @param settings - `apikey`: a string, or a function that is called for each token request. `trustedProfile`: its `id`,
 *   `name` or `crn`. `url`: IAM's private or staging endpoint.
 * @throws TypeError for bad settings. A missing token file is `INVALID_CREDENTIALS_SOURCE`, when a token is requested.
 * @example
 * ```ts
 * import { createTokenProvider, ibmIam } from '@mca-auth/core'
 *
 * createTokenProvider({ grant: ibmIam({ apikey: process.env.IBM_CLOUD_API_KEY ?? '' }) })
 * createTokenProvider({ grant: ibmIam({ trustedProfile: { id: 'Profile-11112222-3333-4444-5555-666677778888' } }) })
 * ```
 */
export function ibmIam(settings: IbmIamSettings): Grant {
  record('the settings of `ibmIam`', settings)
  checkFields<AllSettings>('setting of `ibmIam`', settings, checks)
  const { apikey, trustedProfile, tokenFile, url }: AllSettings = settings
  const server = { kind: 'iam', url: tokenEndpoint(url ?? cloud) } as const
  if (apikey !== undefined && trustedProfile === undefined && tokenFile === undefined) {
    return asFunction('grant', apiKeyPart(apikey, server))
  }
  if (trustedProfile === undefined || apikey !== undefined) {
    throw new TypeError('`ibmIam` takes either `apikey`, or `trustedProfile` and perhaps `tokenFile`')
  }
  return asFunction('grant', trustedProfilePart(trustedProfile, tokenFile, server))
}

/** The only field of a trusted profile, and its value. Checked. */
export function profileField(name: string, value: unknown): [field: 'id' | 'name' | 'crn', value: string] {
  record(`\`${name}\``, value)
  rejectUnknownKeys(`field of \`${name}\``, value, ['id', 'name', 'crn'])
  const [field, another] = Object.entries(value).filter(([, text]) => text !== undefined)
  if (field === undefined || another !== undefined) {
    throw new TypeError(`\`${name}\` must have either \`id\`, \`name\` or \`crn\``)
  }
  nonEmptyString(`${name}.${field[0]}`, field[1])
  return field as ['id' | 'name' | 'crn', string]
}

function apiKeyPart(
  apikey: string | (() => string | Promise<string>),
  server: NonNullable<CredentialPart['server']>,
): CredentialPart {
  const readingOf = (text: string): Reading => ({
    text,
    owner: text,
    isShareable: true,
    secrets: [text],
    write: ({ body }) => {
      body.set('grant_type', `${grantTypes}apikey`)
      body.set('apikey', text)
      body.set('response_type', 'cloud_iam')
    },
  })
  return {
    name: 'IBM Cloud IAM, API key',
    settings: ['ibm-iam', server.url.href, apikey],
    sharedSettings: ['ibm-iam'],
    isShareable: true,
    canChange: typeof apikey === 'function',
    sealingSecret: typeof apikey === 'string' ? apikey : undefined,
    server,
    read: async () => readingOf((await readSource('apikey', apikey)).text),
  }
}

function trustedProfilePart(
  profile: IbmTrustedProfile,
  tokenFile: string | undefined,
  server: NonNullable<CredentialPart['server']>,
): CredentialPart {
  const [field, value] = profileField('trustedProfile', profile)
  return {
    name: 'IBM Cloud IAM, trusted profile',
    settings: ['ibm-iam-profile', server.url.href, field, value, tokenFile],
    sharedSettings: ['ibm-iam-profile', field, value],
    isShareable: true,
    canChange: true,
    server,
    read: async () => {
      const token = tokenFile === undefined ? await findTokenFile() : await readTokenFile(tokenFile)
      return tokenReading([token], ({ body }) => {
        body.set('grant_type', `${grantTypes}cr-token`)
        body.set('cr_token', token.text)
        body.set(`profile_${field}`, value)
      })
    },
  }
}

/** Looked up each time, since it may appear after the process has started. */
async function findTokenFile(): ReturnType<typeof readTokenFile> {
  const { access } = await import('node:fs/promises')
  for (const file of tokenFiles) {
    const exists = await access(file).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
    )
    if (exists) return readTokenFile(file)
  }
  throw unusable(
    `no token of the compute resource in ${tokenFiles.join(', ')}: enable trusted profiles for the application, or ` +
      'mount a service account token, or name its file with `tokenFile`',
  )
}

/** With or without a trailing `/` or `/identity/token`, as IBM's client accepts it. */
function tokenEndpoint(given: string): URL {
  const url = httpUrl('url', given)
  const base = url.pathname
    .replace(/\/+$/, '')
    .replace(/\/identity\/token$/, '')
    .replace(/\/+$/, '')
  return new URL(`${url.origin}${base}${path}`)
}
