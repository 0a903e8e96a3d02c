import { LRUCache } from 'lru-cache'

// Strict on purpose: whatever does not look exactly like this goes through the URL parser, whose reading is the one
// that counts. Matches up to the end of the authority.
const plainOrigin = /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?=[/?#]|$)/i
const parsed = new LRUCache<string, string>({ max: 1000 })

/** The origin of an absolute URL, or `undefined` where it is not http(s). Parses each origin once, not each URL. */
export function originOf(url: string | URL): string | undefined {
  if (typeof url !== 'string') return isHttp(url) ? url.origin : undefined
  const prefix = plainOrigin.exec(url)?.[0]
  if (prefix === undefined) {
    const full = URL.canParse(url) ? new URL(url) : undefined
    return full !== undefined && isHttp(full) ? full.origin : undefined
  }
  let origin = parsed.get(prefix)
  if (origin === undefined && URL.canParse(prefix)) {
    origin = new URL(prefix).origin
    parsed.set(prefix, origin)
  }
  return origin
}

function isHttp(url: URL): boolean {
  return url.protocol === 'https:' || url.protocol === 'http:'
}

/** Whether a token may be sent there: https, or http that does not leave this machine. */
export function isSecure(origin: string): boolean {
  if (origin.startsWith('https:')) return true
  const { hostname } = new URL(origin)
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
