import { parseUrl } from '@mca-auth/core/adapter'
import type { RequestToCheck } from './check-request.js'
import { type CommandName, commands, isCommand, takesFlag } from './commands.js'
import type { DoctorCommand } from './doctor.js'
import { UsageError } from './exit-codes.js'
import { generalFlags } from './flags.js'
import { helpNames } from './help.js'
import { libraryOptions } from './library-options.js'
import { parseArguments, suggestion, type Values } from './parse-arguments.js'
import type { TokenCommand } from './print-token.js'

/** The command, and what it needs. */
export type CommandLine =
  | { readonly command: 'help'; readonly about: string | undefined }
  | { readonly command: 'version' }
  | { readonly command: 'jwk'; readonly file: string; readonly id: string | undefined }
  | { readonly command: 'clear' }
  | ({ readonly command: 'token' } & TokenCommand)
  | ({ readonly command: 'doctor' } & DoctorCommand)

/** @throws UsageError */
export async function readCommandLine(args: readonly string[]): Promise<CommandLine> {
  const { values, positionals } = parseArguments(args)
  const [name, ...rest] = positionals
  if (name === 'help') return { command: 'help', about: helpName(rest) }
  if (values.help === true) return { command: 'help', about: name === undefined ? undefined : commandNamed(name) }
  if (values.version === true) return { command: 'version' }
  if (name === undefined) throw new UsageError('a command is missing')
  const command = commandNamed(name)
  checkFlags(command, values)
  return commandLine(command, rest, values)
}

async function commandLine(command: CommandName, rest: readonly string[], values: Values): Promise<CommandLine> {
  if (command === 'jwk') return { command, file: onlyFile(rest), id: values['key-id'] as string | undefined }
  if (rest.length > 0) throw new UsageError(`\`${command}\` takes options only`)
  if (command === 'clear') return { command }
  const json = values.json === true
  const request = requestToCheck(values)
  const { options, key } = await libraryOptions(values)
  if (command === 'token') return { command, json, options, key, useStored: values['no-cache'] !== true }
  return { command, json, options, key, request }
}

function commandNamed(name: string): CommandName {
  if (isCommand(name)) return name
  throw new UsageError(`unknown command${guess(name, Object.keys(commands))}`)
}

function helpName([name, another]: readonly string[]): string | undefined {
  if (another !== undefined) throw new UsageError('`help` takes one command or topic')
  if (name === undefined || name === 'help') return undefined
  if (helpNames.includes(name)) return name
  throw new UsageError(`no help about that${guess(name, helpNames)}`)
}

/** The end of a message about an unknown name, which is not repeated: it may be a secret in the wrong place. */
function guess(name: string, known: readonly string[]): string {
  const nearest = suggestion(name, known)
  if (nearest !== undefined) return `: did you mean \`${nearest}\`?`
  return `; known are: ${known.map((each) => `\`${each}\``).join(', ')}`
}

function checkFlags(command: CommandName, values: Values): void {
  for (const name of Object.keys(values)) {
    if (takesFlag(command, name) || generalFlags.some((flag) => flag.name === name)) continue
    if (name === 'dpop' && command === 'token') {
      throw new UsageError('--dpop goes with `doctor`: the header of a token that is bound to a key is useless alone')
    }
    const others = (Object.keys(commands) as CommandName[])
      .filter((each) => takesFlag(each, name))
      .map((each) => `\`${each}\``)
    throw new UsageError(`--${name} does not go with \`${command}\`, but with ${others.join(' and ')}`)
  }
}

function onlyFile([file, another]: readonly string[]): string {
  if (file !== undefined && another === undefined) return file
  throw new UsageError('`jwk` takes one file, or - for standard input')
}

function requestToCheck({ url, origin, send }: Values): RequestToCheck | undefined {
  const given = Object.entries({ origin, send }).find(([, value]) => value !== undefined)
  if (given !== undefined && url === undefined) throw new UsageError(`--${given[0]} goes with --url`)
  if (url === undefined) return undefined
  return { url: requestUrl(String(url)), origins: origin as readonly string[] | undefined, send: send === true }
}

function requestUrl(text: string): URL {
  const url = parseUrl(text)
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new UsageError('--url must be an absolute http(s) URL without user or password')
  }
  return url
}
