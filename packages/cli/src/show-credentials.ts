import type { McaAuthOptions } from '@mca-auth/core'
import { type Found, type FoundCredentials, partOf } from '@mca-auth/core/adapter'
import { hiddenSecret, type Report, withoutQuery } from './report.js'

const servers = {
  mca: 'Mobile Client Access',
  appid: 'App ID',
  iam: 'IBM Cloud IAM',
  vpc: 'the instance metadata service',
  issuer: 'an issuer with metadata',
  other: 'an OAuth 2.0 server',
}
/** A shorter value in a query, such as `v=4`, is not a secret, and hiding it would hide unrelated text. */
const minQueryValueLength = 8

/** From now on, the report shows neither the secret nor the query of the server's URL. */
export function concealCredentials(
  report: Report,
  { server, clientId, secret }: FoundCredentials,
  { grant }: McaAuthOptions,
): void {
  if (typeof secret?.value === 'string') report.conceal(secret.value, clientId?.value)
  const apikey = partOf(grant)?.sealingSecret
  if (apikey !== undefined) report.conceal(apikey)
  const { search = '', searchParams = [] } = server?.value.url ?? {}
  const values = [...searchParams].map(([, value]) => value)
  for (const text of [search.slice(1), ...values]) if (text.length >= minQueryValueLength) report.conceal(text)
}

/** Shows each credential and its source; `service` is the source if the options come from its configuration. */
export function showCredentials(
  report: Report,
  { server, appId, clientId, secret, missing }: FoundCredentials,
  { grant, clientAuth }: McaAuthOptions,
  service: string | undefined,
): void {
  const options = service ?? 'the command line'
  const show = (label: string, field: Found<unknown> | undefined, text: string) => {
    if (field !== undefined) report.line('good', label, text, `from ${field.from === 'options' ? options : field.from}`)
    // Not every token request is made by a client with an id and a secret.
    else if (missing !== undefined) report.line('bad', label, 'not found')
  }
  show('server', server, server ? `${withoutQuery(server.value.url)}, ${servers[server.value.kind]}` : '')
  if (server?.value.kind === 'mca') show('app id', appId, appId?.value ?? '')
  show('client id', clientId, clientId?.value ?? '')
  show('secret', secret, hiddenSecret)
  for (const [label, used] of Object.entries({ grant, 'client auth': clientAuth })) {
    const name = typeof used === 'function' ? partOf(used)?.name : used
    if (name !== undefined) report.line('good', label, name, `from ${options}`)
  }
  if (typeof secret?.value !== 'string' || secret.value === secret.value.trim()) return
  report.line('warning', 'secret', 'begins or ends with white space')
  report.advice('remove it if it was copied or mounted by mistake: it is sent as is')
}
