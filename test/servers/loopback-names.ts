// Names under `.test` resolve to this machine (RFC 6761 reserves them), so that tests have hosts and subdomains that are
// not loopback by name.
import dns from 'node:dns'

/** `dns.lookup` in any of its overloads: the hostname always comes first. */
type Lookup = (hostname: string, ...rest: unknown[]) => void

const original = dns.lookup as Lookup
const lookup: Lookup = (hostname, ...rest) => original(hostname.endsWith('.test') ? '127.0.0.1' : hostname, ...rest)
dns.lookup = lookup as typeof dns.lookup
