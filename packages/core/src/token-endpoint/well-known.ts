/**
 * The possible locations of an issuer's metadata, in the order of the attempts: appended to its path (OpenID Connect Discovery
 * §4), which nearly every server has; inserted before it (RFC 8414 §3).
 */
export function wellKnownUrls(issuer: string): readonly URL[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/+$/, '')
  return [
    new URL(`${origin}${path}/.well-known/openid-configuration`),
    new URL(`${origin}/.well-known/oauth-authorization-server${path}`),
  ]
}
