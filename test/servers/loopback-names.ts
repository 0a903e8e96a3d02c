// Names under `.test` resolve to this machine (RFC 6761 reserves them), so that tests have hosts and subdomains that are
// not loopback by name.
import dns from 'node:dns'

const original = dns.lookup
// biome-ignore lint/suspicious/noExplicitAny: dns.lookup is overloaded
dns.lookup = ((hostname: string, ...rest: any[]) => {
  const name = hostname.endsWith('.test') ? '127.0.0.1' : hostname
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return (original as any)(name, ...rest)
}) as typeof dns.lookup
