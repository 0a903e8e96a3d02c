import { type CachingTokenProvider, createTokenProvider, McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { type Found, findCredentials, platformReaders } from '@mca-auth/core/adapter'
import { adviceFor } from './advice.js'
import { inWordsOfTheShell } from './command-line.js'
import { dots, Report } from './report.js'
import { showToken } from './show-token.js'
import { Watch } from './watch.js'

const servers = { mca: 'Mobile Client Access', appid: 'App ID', other: 'an OAuth 2.0 server' }

/**
 * Says on standard output where each credential was found, how the server answers, what it grants and what is wrong.
 *
 * @returns what is wrong, about which everything has been said.
 * @throws TypeError for options that make no sense.
 */
export async function doctor(options: McaAuthOptions): Promise<McaAuthError | undefined> {
  const report = new Report()
  const watch = new Watch()
  const provider = attempt(() => createTokenProvider({ ...options, fetch: watch.fetch }))
  report.heading('Platform')
  showPlatform(report, options)
  showCredentials(report, options)
  const problem = provider instanceof McaAuthError ? provider : await ask(report, provider, watch, options)
  if (problem !== undefined) {
    report.heading('What is wrong')
    report.line('bad', problem.code, inWordsOfTheShell(problem.message))
    for (const advice of adviceFor(problem)) report.advice(advice)
  } else report.heading(report.oddities === 0 ? 'Nothing is wrong.' : 'It works, but look at the lines marked with !')
  return problem
}

function showPlatform(report: Report, options: McaAuthOptions): void {
  for (const reader of platformReaders) {
    const instances = process.env[reader.name] ? attempt(() => reader.read(options.instanceName)) : undefined
    if (instances === undefined) report.line('plain', reader.name, 'not set')
    else if (instances instanceof McaAuthError) report.line('bad', reader.name, instances.message)
    else {
      const usable = instances.filter(({ unusable }) => unusable === undefined)
      report.line('plain', reader.name, usable.map(({ name }) => name).join(', ') || 'no instance that fits')
      for (const { name, unusable } of instances) {
        if (unusable !== undefined) report.line('plain', '', `${name} cannot be used: ${unusable}`)
      }
    }
  }
}

function showCredentials(report: Report, options: McaAuthOptions): void {
  const found = attempt(() => findCredentials(options))
  if (found instanceof McaAuthError) return
  report.heading('Credentials')
  const { server, appId, clientId, secret } = found
  const show = (label: string, field: Found<unknown> | undefined, text: string) => {
    if (field === undefined) return report.line('bad', label, 'not found')
    report.line('good', label, text, `from ${field.from === 'options' ? 'the command line' : field.from}`)
  }
  show('server', server, server ? `${server.value.url}, ${servers[server.value.kind]}` : '')
  if (server?.value.kind === 'mca') show('app id', appId, appId?.value ?? '')
  show('client id', clientId, clientId?.value ?? '')
  show('secret', secret, dots)
  if (typeof secret?.value !== 'string') return
  report.conceal(secret.value)
  if (secret.value === secret.value.trim()) return
  report.line('odd', 'secret', 'begins or ends with white space')
  report.advice('if it was copied or mounted so by mistake, take that off: it is sent as it is')
}

/** Asks for a token, and says how the server answers. */
async function ask(
  report: Report,
  provider: CachingTokenProvider,
  watch: Watch,
  options: McaAuthOptions,
): Promise<McaAuthError | undefined> {
  await using asked = provider
  const token = await asked.getToken().catch(problemOf)
  report.heading('Token endpoint')
  watch.show(report)
  if (token instanceof McaAuthError) return token
  report.heading('Token')
  showToken(report, token, options)
  return undefined
}

function attempt<T>(find: () => T): T | McaAuthError {
  try {
    return find()
  } catch (error) {
    return problemOf(error)
  }
}

/** Ours is something to tell of; any other goes on its way. */
function problemOf(error: unknown): McaAuthError {
  if (error instanceof McaAuthError) return error
  throw error
}
