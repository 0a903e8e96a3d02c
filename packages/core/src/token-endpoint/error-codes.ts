/** The codes of an error and of its causes: a connection to several addresses fails with as many. */
export function codesIn(cause: unknown): string[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { code, cause: inner, errors } = cause as { code?: unknown; cause?: unknown; errors?: unknown }
  const several = Array.isArray(errors) ? errors.flatMap(codesIn) : []
  return [...(typeof code === 'string' ? [code] : []), ...codesIn(inner), ...several]
}

/** Alerts that say what a server thinks of the client's certificate (RFC 8446 §6.2), as OpenSSL spells them. */
const rejected =
  /_ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN)|UNKNOWN_CA|ACCESS_DENIED)/

/** What a TLS error says of the client's certificate, to be added to a message. Empty if it is about something else. */
export function certificateHint(error: unknown): string {
  const codes = codesIn(error)
  if (codes.some((code) => code.includes('_ALERT_CERTIFICATE_REQUIRED'))) {
    return ': the server requires a client certificate (`clientAuth: clientCertificate()`)'
  }
  const code = codes.find((each) => rejected.test(each))
  return code === undefined ? '' : `: the server rejected the client certificate (${code})`
}
