import type { RequestAuthorization } from '@mca-auth/core/adapter'
import { type AxiosConfig, usesFetch, usesProxy } from './axios-config.js'

/** The options from which follow-redirects takes the agent of the next hop. */
export interface HopOptions {
  agents?: { readonly http?: unknown; readonly https?: unknown }
}

type Certificate = RequestAuthorization['certificate']

/**
 * Gives the connection the client certificate that the token is bound to. Does not replace the caller's own agent or axios'
 * agent for a proxy.
 */
export function addCertificate(sent: AxiosConfig, adapter: unknown, certificate: Certificate, url: string): void {
  if (certificate === undefined || hasOwnAgent(sent) || usesFetch(adapter) || usesProxy(sent, url)) return
  const agent = agentOf(certificate, sent)
  if (agent !== undefined) sent.httpsAgent = agent
}

/** The same for a hop of a redirect: without the token, the connection has no certificate either. */
export function certifyHop(options: HopOptions, config: AxiosConfig, certificate: Certificate, url: string): void {
  if (hasOwnAgent(config) || usesProxy(config, url) || options.agents === undefined) return
  options.agents = { ...options.agents, https: certificate && agentOf(certificate, config) }
}

/** `proxy: false` is about every proxy, also one that Node.js itself would use. */
function agentOf({ agent, directAgent }: NonNullable<Certificate>, { proxy }: AxiosConfig): unknown {
  return proxy === false ? directAgent : agent
}

function hasOwnAgent({ httpsAgent }: AxiosConfig): boolean {
  return httpsAgent !== undefined && httpsAgent !== null
}
