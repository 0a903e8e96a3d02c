import { parseArgs } from 'node:util'
import { nearestName } from '@mca-auth/core/adapter'
import { UsageError } from './exit-codes.js'
import { type Flag, flags } from './flags.js'

/** The values of flags by name: `true` for a switch, a list for a flag that may be given several times. */
export type Values = Readonly<Record<string, string | true | readonly string[] | undefined>>

/** The arguments, before it is checked what goes with what. */
export interface Arguments {
  readonly values: Values
  readonly positionals: readonly string[]
}

const options = Object.fromEntries(
  [...flags.values()].map(({ name, value, short }) => [
    name,
    { type: value === '' ? ('boolean' as const) : ('string' as const), ...(short === undefined ? {} : { short }) },
  ]),
)

/**
 * Splits the arguments into flags and positionals. Not in the strict mode of `parseArgs`, whose messages repeat values and
 * make no suggestions.
 *
 * @throws UsageError
 */
export function parseArguments(args: readonly string[]): Arguments {
  if (args.some((arg) => /^--?(?:client-?)?(?:secret|password|api-?key)(?:=|$)/i.test(arg))) {
    throw new UsageError('a secret on the command line shows in `ps` and in the history: use --secret-file FILE, or -')
  }
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const values: Record<string, string | true | readonly string[]> = {}
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const flag = flags.get(token.name)
    if (flag === undefined) throw unknownOption(token.rawName, args[token.index] ?? '')
    const value = checkedValue(flag, token.value, token.inlineValue === true)
    values[flag.name] = flag.isRepeatable === true ? ([values[flag.name] ?? [], value].flat() as string[]) : value
  }
  return { values, positionals }
}

function checkedValue({ name, value: placeholder }: Flag, value: string | undefined, isInline: boolean): string | true {
  if (placeholder === '') {
    if (value !== undefined) throw new UsageError(`--${name} takes no value`)
    return true
  }
  if (value === undefined || (!isInline && value.length > 1 && value.startsWith('-'))) {
    const hint = value === undefined ? '' : `; if the value begins with a dash, write --${name}=${placeholder}`
    throw new UsageError(`--${name} needs a value, ${placeholder}${hint}`)
  }
  return value
}

/** @param arg - the whole argument: with one dash, `-client-id` is read as several short flags. */
function unknownOption(rawName: string, arg: string): UsageError {
  const name = /^--?([^=]*)/.exec(arg)?.[1] ?? ''
  const nearest = suggestion(name, [...flags.keys()])
  if (nearest === undefined) return new UsageError(`unknown option ${rawName}`)
  return new UsageError(`unknown option ${arg.startsWith('--') ? rawName : `-${name}`}: did you mean --${nearest}?`)
}

/** The name that was probably meant, if there is one: `token-endpiont`, `endpoint` and `token` mean `token-endpoint`. */
export function suggestion(name: string, known: readonly string[]): string | undefined {
  const nearest = known.includes(name) ? name : nearestName(name, known)
  const hasPart = (candidate: string) => candidate.startsWith(`${name}-`) || candidate.endsWith(`-${name}`)
  return nearest ?? known.find(hasPart)
}
