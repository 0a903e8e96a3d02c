import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { McaAuthError, type McaAuthOptions } from '@mca-auth/core'

/** What is to be done, and with which options of the library. */
export interface CommandLine {
  readonly command: 'token' | 'doctor' | 'help' | 'version'
  readonly json: boolean
  readonly options: McaAuthOptions
}

/** What was typed makes no sense. The message repeats no value: it may be a secret in the wrong place. */
class UsageError extends Error {}

/** Name, placeholder of the value (none: a switch), meaning. */
const flags = [
  ['binding', 'FILE', 'a service credential as JSON, used instead of the platform'],
  ['instance-name', 'NAME', 'which instance of the platform, where several match'],
  ['client-id', 'ID', 'OAuth client id'],
  ['secret-file', 'FILE', 'where the client secret stands; - is standard input'],
  ['server-url', 'URL', 'MCA authorization server, with --app-id'],
  ['app-id', 'ID', 'MCA tenant id'],
  ['oauth-server-url', 'URL', 'App ID server, https://…/oauth/v4/<tenant>'],
  ['token-endpoint', 'URL', 'token endpoint of any other OAuth 2.0 server'],
  ['client-auth', 'METHOD', 'client_secret_basic, client_secret_basic_raw or client_secret_post'],
  ['scope', 'SCOPE', 'scopes to ask for; may be repeated'],
  ['resource', 'URI', 'resource indicator (RFC 8707); may be repeated'],
  ['parameter', 'NAME=VALUE', 'further parameter of the token request; may be repeated'],
  ['timeout-ms', 'MS', 'longest wait for a token [10000]'],
  ['allow-insecure-requests', '', 'allow plain http beyond loopback'],
  ['json', '', 'token: print JSON, for scripts'],
  ['help', '', 'print this'],
  ['version', '', 'print the version'],
] as const

const exitCodes = [
  [0, 'a token was issued'],
  [1, 'something unexpected'],
  [2, 'the command line makes no sense'],
  [3, 'credentials are missing, malformed, or would go over plain http'],
  [4, 'the server refuses the credentials, or what they ask for'],
  [5, 'the server does not answer, fails, or wants to be left alone for a while'],
  [6, 'what answers is no token endpoint'],
] as const

export const usage: string = `Usage: mca-auth <command> [options]

Commands:
  token    print the header value, "Bearer …", and nothing else
  doctor   say where each credential was found, ask for a token, and say what is wrong

Options, all optional where the platform supplies credentials (VCAP_SERVICES, CE_SERVICES, SERVICE_BINDING_ROOT):
${flags.map(([name, value, meaning]) => `  ${`--${name} ${value}`.padEnd(26)} ${meaning}`).join('\n')}

Exit codes:
${exitCodes.map(([code, meaning]) => `  ${code}  ${meaning}`).join('\n')}

Examples:
  curl -H "Authorization: $(mca-auth token)" https://orders.example.com/
  mca-auth doctor --binding credential.json
  vault read -field=secret kv/orders | mca-auth token --token-endpoint https://idp.example.com/token \\
    --client-id orders --secret-file -
`

/** As `--help` lists them. */
export function exitCodeOf(error: unknown): number {
  if (error === undefined) return 0
  if (error instanceof UsageError || error instanceof TypeError) return 2
  if (!(error instanceof McaAuthError)) return 1
  switch (error.code) {
    case 'TOKEN_REQUEST_REFUSED':
      return 4
    case 'TOKEN_REQUEST_FAILED':
    case 'TOKEN_REQUEST_THROTTLED':
      return 5
    case 'TOKEN_RESPONSE_INVALID':
      return 6
    default:
      return 3
  }
}

/** @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parse(args)
  const texts = values as Record<string, string | undefined>
  const lists = values as Record<string, readonly string[] | undefined>
  if (values.help === true) return { command: 'help', json: false, options: {} }
  if (values.version === true) return { command: 'version', json: false, options: {} }

  const [command, ...rest] = positionals
  if (command !== 'token' && command !== 'doctor') throw new UsageError('the command must be `token` or `doctor`')
  if (rest.length > 0) throw new UsageError(`\`${command}\` takes options only`)
  if (values.json === true && command !== 'token') throw new UsageError('--json goes with `token`')
  return {
    command,
    json: values.json === true,
    options: {
      bindingFile: texts.binding,
      instanceName: texts['instance-name'],
      clientId: texts['client-id'],
      secret: secretIn(texts['secret-file']),
      serverUrl: texts['server-url'],
      appId: texts['app-id'],
      oauthServerUrl: texts['oauth-server-url'],
      tokenEndpoint: texts['token-endpoint'],
      clientAuth: texts['client-auth'] as McaAuthOptions['clientAuth'],
      scope: lists.scope,
      resource: lists.resource,
      parameters: parametersOf(lists.parameter),
      timeoutMs: texts['timeout-ms'] === undefined ? undefined : Number(texts['timeout-ms']),
      allowInsecureRequests: values['allow-insecure-requests'] === true || undefined,
    },
  }
}

/** A message of the library in the words of the command line: its options by the names that they have here. */
export function inWordsOfTheShell(message: string): string {
  return message.replaceAll(/`(\w+)`/g, (quoted, option: string) => {
    const name =
      option === 'bindingFile' ? 'binding' : option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    if (name === 'secret') return '--secret-file'
    return flags.some(([flag]) => flag === name) ? `--${name}` : quoted
  })
}

function parse(args: readonly string[]) {
  const repeated = ['scope', 'resource', 'parameter']
  const options = Object.fromEntries(
    flags.map(([name, value]) => [
      name,
      { type: value === '' ? ('boolean' as const) : ('string' as const), multiple: repeated.includes(name) },
    ]),
  )
  if (args.some((arg) => /^--secret(=|$)/.test(arg))) {
    throw new UsageError('a secret on the command line shows in `ps` and in the history: use --secret-file FILE, or -')
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\.\s.*/s, ''))
  }
}

/** Without the newline that editors and `echo` put at the end. */
function secretIn(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  let secret: string
  try {
    secret = readFileSync(path === '-' ? 0 : path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new UsageError(`--secret-file can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
  if (secret === '') throw new UsageError('--secret-file is empty')
  return secret
}

function parametersOf(pairs: readonly string[] | undefined): Record<string, string> | undefined {
  if (pairs === undefined) return undefined
  if (!pairs.every((pair) => pair.indexOf('=') > 0)) throw new UsageError('--parameter must be NAME=VALUE')
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}
