// Strict on purpose: a URL that does not look exactly like this goes through the URL parser, whose result counts.
// Matches up to the end of the authority.
const plainOrigin = /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?=[/?#]|$)/i
/** Origins by their spelling; contains only matching ones. */
const parsed = new Map<string, string>()
const maxEntries = 1000

/** The origin of an absolute URL, or `undefined` if it is not http(s). Parses each origin once, not each URL. */
export function originOf(url: string | URL): string | undefined {
  if (typeof url !== 'string') return isHttp(url) ? url.origin : undefined
  const slash = url.indexOf('/', 'https://'.length)
  return parsed.get(slash === -1 ? url : url.slice(0, slash)) ?? readOrigin(url)
}

function readOrigin(url: string): string | undefined {
  const prefix = plainOrigin.exec(url)?.[0]
  if (prefix === undefined) {
    const full = parseUrl(url)
    return full !== undefined && isHttp(full) ? full.origin : undefined
  }
  const origin = parseUrl(prefix)?.origin
  if (origin === undefined) return undefined
  if (parsed.size >= maxEntries) parsed.clear()
  parsed.set(prefix, origin)
  return origin
}

/** Not `URL.canParse`: once optimised, that of Node 20 and 22 rejects URLs with characters such as ü. */
export function parseUrl(url: string, base?: string): URL | undefined {
  try {
    return new URL(url, base)
  } catch {
    return undefined
  }
}

function isHttp(url: URL): boolean {
  return url.protocol === 'https:' || url.protocol === 'http:'
}

/** Whether a token may be sent there without the caller's consent: HTTPS, or HTTP that does not leave this machine. */
export function isSecure(origin: string): boolean {
  return origin.startsWith('https:') || isLoopback(origin)
}

export function isLoopback(origin: string): boolean {
  const hostname = parseUrl(origin)?.hostname ?? ''
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
