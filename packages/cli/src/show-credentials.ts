import { McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { type Found, type FoundCredentials, platformReaders } from '@mca-auth/core/adapter'
import { resultOrProblem } from './problem.js'
import { hiddenSecret, type Report, withoutQuery } from './report.js'

const servers = {
  mca: 'Mobile Client Access',
  appid: 'App ID',
  iam: 'IBM Cloud IAM',
  vpc: 'the instance metadata service',
  issuer: 'an issuer with metadata',
  other: 'an OAuth 2.0 server',
}
/** A shorter value in a query, such as `v=4`, is not a secret, and hiding it would hide other text. */
const minQueryValueLength = 8

/** From now on, the report shows neither the secret nor the query of the server's URL. */
export function concealCredentials(report: Report, { server, clientId, secret }: FoundCredentials): void {
  if (typeof secret?.value === 'string') report.conceal(secret.value, clientId?.value)
  const { search = '', searchParams = [] } = server?.value.url ?? {}
  const values = [...searchParams].map(([, value]) => value)
  for (const text of [search.slice(1), ...values]) if (text.length >= minQueryValueLength) report.conceal(text)
}

/** Shows the instances that each platform offers. */
export function showPlatform(report: Report, options: McaAuthOptions): void {
  for (const reader of platformReaders) {
    const instances = reader.isSet() ? resultOrProblem(() => reader.read(options.instanceName)) : undefined
    if (instances === undefined) report.line('plain', reader.name, 'not set')
    else if (instances instanceof McaAuthError) report.line('bad', reader.name, instances.message)
    else {
      const usable = instances.filter(({ unusable }) => unusable === undefined)
      report.line('plain', reader.name, usable.map(({ name }) => name).join(', ') || 'no matching instance')
      for (const { name, unusable } of instances) {
        if (unusable !== undefined) report.line('plain', '', `${name} cannot be used: ${unusable}`)
      }
    }
  }
}

/** Shows each credential and where it was found. */
export function showCredentials(report: Report, { server, appId, clientId, secret }: FoundCredentials): void {
  const show = (label: string, field: Found<unknown> | undefined, text: string) => {
    if (field === undefined) return report.line('bad', label, 'not found')
    report.line('good', label, text, `from ${field.from === 'options' ? 'the command line' : field.from}`)
  }
  show('server', server, server ? `${withoutQuery(server.value.url)}, ${servers[server.value.kind]}` : '')
  if (server?.value.kind === 'mca') show('app id', appId, appId?.value ?? '')
  show('client id', clientId, clientId?.value ?? '')
  show('secret', secret, hiddenSecret)
  if (typeof secret?.value !== 'string' || secret.value === secret.value.trim()) return
  report.line('warning', 'secret', 'begins or ends with white space')
  report.advice('remove it if it was copied or mounted by mistake: it is sent as is')
}
