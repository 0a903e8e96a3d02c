const unreachable =
  /^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|EACCES|EPERM|EINVAL)$/
const closed = /^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET)$/
const ownAuthority = 'give its certificate authority to Node with NODE_EXTRA_CA_CERTS=FILE'

/** Advice for codes of Node.js, undici and OpenSSL; the first match counts. */
const byCode: readonly (readonly [RegExp, string])[] = [
  [/^ENOTFOUND$/, 'this host name does not exist here: check the URL and the DNS'],
  [/^EAI_/, 'the DNS does not respond: check the resolver of this machine or container, then try again'],
  [/^ECONNREFUSED$/, 'nothing listens there: check host and port of the URL'],
  [unreachable, 'the host is unreachable: look for a firewall, a missing route, or a proxy that must be used'],

  // Certificates (OpenSSL's X509_V_ERR_*, and Node's own check of the name).
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'the certificate does not match the host name: use a name that the certificate lists, or have one issued for this name',
  ],
  [/^CERT_HAS_EXPIRED$/, 'the certificate has expired: have it renewed, but first check the clock of this machine'],
  [/^CERT_NOT_YET_VALID$/, 'the certificate is not valid yet: the clock of this machine may be behind'],
  [/^DEPTH_ZERO_SELF_SIGNED_CERT$/, 'the certificate is self-signed: trust it with NODE_EXTRA_CA_CERTS=FILE'],
  [
    /^SELF_SIGNED_CERT_IN_CHAIN$/,
    `the certificate is not trusted here, as with a company's own authority or a proxy that inspects TLS: ${ownAuthority}`,
  ],
  [
    /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?)$/,
    `the issuer of the certificate is unknown: the server must send its intermediate certificates, or ${ownAuthority}`,
  ],

  // The handshake (OpenSSL's SSL_R_*, which Node prefixes with ERR_SSL_).
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE/,
    'the port does not use TLS: is it the http port, or does another service or a proxy listen there?',
  ],
  [
    /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/,
    'client and server share no TLS version: the server must support TLS 1.2 or newer',
  ],
  [
    /CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_CERTIFICATE_UNKNOWN|ALERT_ACCESS_DENIED/,
    'the server requires a client certificate that it trusts (mutual TLS), as `clientCertificate()` has it: here, --cert-file and --key-file',
  ],
  [
    /ALERT_(UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED)/,
    'the server rejects the client certificate (--cert-file): it has expired, was revoked, or is not for clients',
  ],
  [/UNRECOGNIZED_NAME/, 'the server has no certificate for this host name: check the host of the URL'],
  [
    /HANDSHAKE_FAILURE|INSUFFICIENT_SECURITY/,
    'client and server share no cipher, or the server requires a client certificate',
  ],
  [/^ERR_(SSL|TLS)_|^EPROTO$/, 'the TLS handshake failed: check the cause above, and the TLS settings of the server'],
  [/CERT|CRL|_CA$|^INVALID_PURPOSE$|PATH_LENGTH/, 'the certificate was rejected: check the cause above'],

  [/^HPE_/, 'the response is not HTTP: is it the https port, or another service?'],
  [closed, 'the connection was closed without a response: is it the https port, or is a client certificate required?'],
]

/** The innermost error that has a code, since `fetch` wraps the actual error. */
export function networkErrorIn(error: unknown): NodeJS.ErrnoException | undefined {
  if (!(error instanceof Error)) return undefined
  const { cause, errors, code } = error as NodeJS.ErrnoException & { readonly errors?: readonly unknown[] }
  // Several addresses of one host: an AggregateError.
  const inner = [cause, ...(Array.isArray(errors) ? errors : [])].map(networkErrorIn).find((one) => one !== undefined)
  return inner ?? (typeof code === 'string' ? error : undefined)
}

/** Advice for a server that cannot be reached. */
export function networkAdvice(error: unknown): readonly string[] {
  if (isRefusedPort(error))
    return ['`fetch` never connects to this port, which belongs to another protocol: use another one']
  const found = networkErrorIn(error)
  const known = byCode.find(([codes]) => codes.test(reasonOf(found)))?.[1]
  const code = found?.code === undefined ? '' : ` (${found.code})`
  const advice = known ?? `no response${code}: look for a firewall, or for a proxy that must be used`
  return [advice, ...proxyAdvice()]
}

/** Whether `fetch` does not connect to the port (WHATWG Fetch §2.9, "port blocking"). The error has no code. */
function isRefusedPort(error: unknown): boolean {
  return error instanceof Error && (error.message === 'bad port' || isRefusedPort(error.cause))
}

/** OpenSSL's reason, also if Node has wrapped it: `write EPROTO …:SSL routines:ssl3_get_record:wrong version number:…`. */
function reasonOf(error: NodeJS.ErrnoException | undefined): string {
  const { code = '', message = '' } = error ?? {}
  const reason = code === 'EPROTO' ? /SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] : undefined
  return reason?.toUpperCase().replaceAll(' ', '_') ?? code
}

function proxyAdvice(): readonly string[] {
  const proxy = process.env.HTTPS_PROXY ?? process.env.https_proxy
  if (proxy === undefined || process.env.NODE_USE_ENV_PROXY === '1') return []
  return ['HTTPS_PROXY is set, but Node only honours it with NODE_USE_ENV_PROXY=1 (Node ≥ 22.21 or ≥ 24.5)']
}
