import https, { type AgentOptions } from 'node:https'
import type { RequestAuthorization } from '@mca-auth/core/adapter'
import { type AxiosConfig, usesFetch, usesProxy } from './axios-config.js'

/** The options from which follow-redirects takes the agent of the next hop. */
export interface HopOptions {
  agents?: { readonly http?: unknown; readonly https?: unknown }
}

type Certificate = RequestAuthorization['certificate']

/** The agents with a certificate that axios has been given. */
const certified = new WeakSet<object>()
/** For each global agent with a proxy, the agent with the same options except for the proxy. */
const direct = new WeakMap<https.Agent, https.Agent>()

/**
 * Gives the connection the client certificate that the token is bound to. Does not replace the caller's own agent or axios'
 * agent for a proxy.
 */
export function addCertificate(sent: AxiosConfig, adapter: unknown, certificate: Certificate, url: string): void {
  if (certificate === undefined || hasOwnAgent(sent) || usesFetch(adapter) || usesProxy(sent, url)) return
  const agent = agentOf(certificate, sent)
  if (agent !== undefined) sent.httpsAgent = agent
}

/**
 * The same for a hop of a redirect: without the token, the connection has no certificate either. axios leaves the agent of
 * the first sending in place, even for a connection to a proxy. An agent with a certificate is therefore always replaced,
 * whether or not the hop seems to use a proxy: `usesProxy` does not know all that axios accepts in `NO_PROXY`. Other agents
 * are those of axios, for a proxy or for a connection without one.
 */
export function certifyHop(options: HopOptions, config: AxiosConfig, certificate: Certificate, url: string): void {
  const { agents } = options
  if (agents === undefined || hasOwnAgent(config)) return
  const agent = certificate && !usesProxy(config, url) ? agentOf(certificate, config) : undefined
  if (agent !== undefined) options.agents = { ...agents, https: agent }
  else if (certified.has(Object(agents.https))) options.agents = { ...agents, https: plainAgent(config) }
}

/** `proxy: false` is about every proxy, also one that Node.js itself would use. */
function agentOf({ agent, directAgent }: NonNullable<Certificate>, { proxy }: AxiosConfig): object | undefined {
  const chosen = proxy === false ? directAgent : agent
  if (chosen !== undefined) certified.add(chosen)
  return chosen
}

/** An agent without a certificate; `undefined` means the global agent. */
function plainAgent({ proxy }: AxiosConfig): https.Agent | undefined {
  const { globalAgent } = https
  const { proxyEnv, ...options } = globalAgent.options as AgentOptions & { proxyEnv?: unknown }
  if (proxy !== false || proxyEnv == null || globalAgent.constructor !== https.Agent) return undefined
  const agent = direct.get(globalAgent) ?? new https.Agent(options)
  direct.set(globalAgent, agent)
  return agent
}

function hasOwnAgent({ httpsAgent }: AxiosConfig): boolean {
  return httpsAgent !== undefined && httpsAgent !== null
}
