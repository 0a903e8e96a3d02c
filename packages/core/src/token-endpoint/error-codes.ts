/** The codes of an error and of its causes: a connection to several addresses fails with several errors. */
export function codesIn(cause: unknown): string[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { code, cause: inner, errors } = cause as { code?: unknown; cause?: unknown; errors?: unknown }
  const several = Array.isArray(errors) ? errors.flatMap(codesIn) : []
  return [...(typeof code === 'string' ? [code] : []), ...codesIn(inner), ...several]
}

/** TLS alerts about the client's certificate (RFC 8446 §6.2), in OpenSSL's spelling. */
const rejected =
  /_ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN)|UNKNOWN_CA|ACCESS_DENIED)/

/** The part of a message about the client's certificate, for a TLS error. Empty if it is about something else. */
export function certificateHint(error: unknown): string {
  const codes = codesIn(error)
  if (codes.some((code) => code.includes('_ALERT_CERTIFICATE_REQUIRED'))) {
    return ': the server requires a client certificate (`clientAuth: clientCertificate()`)'
  }
  const code = codes.find((each) => rejected.test(each))
  return code === undefined ? '' : `: the server rejected the client certificate (${code})`
}
