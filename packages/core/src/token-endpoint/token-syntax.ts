/** RFC 6750 §2.1 is stricter, but servers are not. */
export function fitsHeader(token: unknown): token is string {
  return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)
}
