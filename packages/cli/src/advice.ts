import type { McaAuthError } from '@mca-auth/core'

/** What to do about an error, most likely reason first. */
export function adviceFor(error: McaAuthError): readonly string[] {
  switch (error.code) {
    case 'TOKEN_REQUEST_REFUSED':
      return refused(error)
    case 'TOKEN_REQUEST_FAILED':
      return failed(error)
    case 'TOKEN_REQUEST_THROTTLED':
      return [
        `wait until ${new Date(error.retryAt ?? Date.now()).toISOString()}, as the server asks`,
        'and look for a process that caches no token, or that starts again and again',
      ]
    case 'TOKEN_RESPONSE_INVALID':
      return ['check the URL: that is no token endpoint, or a proxy, a gateway or a login page answers for it']
    case 'INSECURE_TRANSPORT':
      return ['use https; with --allow-insecure-requests the secret goes over the network as it is']
    case 'INVALID_CREDENTIALS_SOURCE':
      return ['mend what the message names, or use --binding FILE or --instance-name NAME']
    case 'MISSING_SECRET_ERROR':
      return ['give it with --secret-file FILE, or --secret-file - and standard input']
    default:
      return ['bind the service to the application, name a credential with --binding FILE, or give the options']
  }
}

function refused({ error, status }: McaAuthError): readonly string[] {
  if (error === 'invalid_scope') return ['this client may not have that --scope: ask for less, or have it granted']
  if (error === 'invalid_target') return ['the server knows no such --resource']
  if (error === 'unauthorized_client' || error === 'unsupported_grant_type') {
    return ['allow the client-credentials grant for this client, at the server']
  }
  if (status === 404) return ['the tenant or the path is wrong: compare the URL with the credential']
  return [
    'compare id and secret with the credential: was the secret rotated, is it that of another tenant?',
    'or the server takes them in another way: try --client-auth client_secret_post',
  ]
}

function failed(error: McaAuthError): readonly string[] {
  if (error.status !== undefined && error.status < 500 && error.error === undefined) {
    return ['a proxy answered with a page: check the URL, and whether the server behind the proxy is running']
  }
  if (error.status !== undefined) return ['the server itself fails: try again later, or look at its logs']
  const code = codeIn(error.cause)
  const proxied = process.env.HTTPS_PROXY ?? process.env.https_proxy
  const proxy =
    proxied === undefined || process.env.NODE_USE_ENV_PROXY === '1'
      ? []
      : ['HTTPS_PROXY is set, which Node heeds with NODE_USE_ENV_PROXY=1 only, from Node 22.21 and 24.5 on']
  return [...reasons(code), ...proxy]
}

function reasons(code: string): readonly string[] {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return ['no such host is known here: check the URL and the DNS']
  if (code === 'ECONNREFUSED') return ['nothing listens there: check host and port of the URL']
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|TLS/.test(code)) {
    return [`the certificate is not trusted here (${code}): give your own authority by NODE_EXTRA_CA_CERTS=FILE`]
  }
  return [`no answer${code && ` (${code})`}: is there a firewall, or a proxy to go through?`]
}

/** The code of the innermost error that has one, for `fetch` wraps what happened. */
function codeIn(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { code } = error as NodeJS.ErrnoException
  return codeIn(error.cause) || (code ?? '')
}
