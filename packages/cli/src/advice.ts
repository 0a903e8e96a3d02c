import type { McaAuthError, McaAuthOptions } from '@mca-auth/core'
import { partOf } from '@mca-auth/core/adapter'
import { ibmAdvice } from './ibm-advice.js'
import { networkAdvice } from './network-advice.js'

/** By the name of the client authentication. */
const byAuthentication: Readonly<Record<string, readonly string[]>> = {
  private_key_jwt: [
    'register the public key at the server, as `mca-auth jwk FILE` prints it, and give its `kid` with --key-id',
    'or the server expects another client id or another audience: compare those above',
  ],
  'client assertion': [
    'let the server trust the issuer of the assertion for this client: compare `iss`, `sub` and `aud` above',
  ],
  'client certificate': ['register this certificate for the client at the server, and compare the client id'],
}

/** What to do about an error, most likely reason first. */
export function adviceFor(error: McaAuthError, options: McaAuthOptions): readonly string[] {
  switch (error.code) {
    case 'TOKEN_REQUEST_REFUSED':
      return deniedAdvice(error, partOf(options.clientAuth)?.name)
    case 'TOKEN_REQUEST_FAILED':
      return failureAdvice(error)
    case 'TOKEN_REQUEST_THROTTLED':
      return [
        `wait until ${new Date(error.retryAt ?? Date.now()).toISOString()}: the server is rate-limiting`,
        "also check for a process that doesn't cache its token or is crash-looping",
      ]
    case 'TOKEN_RESPONSE_INVALID':
      return ['check the URL: it is not a token endpoint, or a proxy, a gateway or a login page answered instead']
    case 'DISCOVERY_INVALID':
      return [
        "give --issuer exactly as it is in the server's own metadata, or give --token-endpoint, which needs no metadata",
      ]
    case 'INSECURE_TRANSPORT':
      return ['use https: over plain HTTP, anyone on the network can read secrets and tokens']
    case 'INVALID_CREDENTIALS_SOURCE':
      // With --service, its configuration says it all: no other credential may be named.
      return options.service === undefined
        ? ['fix the variable or file named in the message, or use --binding FILE or --instance-name NAME']
        : ['fix the variable or file named in the message']
    case 'MISSING_SECRET_ERROR':
      return [
        'bind a credential that has a secret, such as one of a regular web application in App ID',
        'or give the secret with --secret-file FILE, or with --secret-file - on standard input',
      ]
    default:
      return ['bind the service to the application, name a credential with --binding FILE, or give the options']
  }
}

function deniedAdvice({ error, status }: McaAuthError, authentication: string | undefined): readonly string[] {
  const ofIbm = ibmAdvice(error, status)
  if (ofIbm !== undefined) return [ofIbm]
  if (error === 'invalid_scope') return ['this client may not have that --scope: request less, or have it granted']
  if (error === 'invalid_target') return ['the server does not know that --resource']
  if (error === 'unauthorized_client' || error === 'unsupported_grant_type') {
    return ['allow the client-credentials grant for this client on the server']
  }
  if (error === 'invalid_request') {
    return [
      'the server considers the request malformed: see the message, and compare --scope, --resource and --parameter',
    ]
  }
  if (error === 'invalid_dpop_proof')
    return ["the server rejects the proof: compare this machine's clock with the server's"]
  if (status === 404) return ['the tenant or the path is wrong: compare the URL with the credential']
  const special = byAuthentication[authentication ?? '']
  if (special !== undefined) return special
  return [
    "compare id and secret with the credential: was the secret rotated, or is it another tenant's?",
    'or the server expects another authentication method: try --client-auth client_secret_post',
  ]
}

function failureAdvice({ status, error, cause }: McaAuthError): readonly string[] {
  if (status === undefined) return networkAdvice(cause)
  if (status < 500 && error === undefined) {
    return ['a proxy answered with a page: check the URL, and whether the server behind the proxy is running']
  }
  return ['the server itself fails: try again later, or check its logs']
}
