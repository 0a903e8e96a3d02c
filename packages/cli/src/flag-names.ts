import { type CommandName, takesFlag } from './commands.js'

/** Options of the library whose flags have other names. */
const renamed: Readonly<Record<string, string>> = {
  bindingFile: 'binding',
  secret: 'secret-file',
  parameters: 'parameter',
  origins: 'origin',
}

/**
 * A message of the library, with its options as flags of the command: `` `timeoutMs` `` becomes `--timeout-ms`. An option that
 * the command does not take stays.
 */
export function withFlagNames(message: string, command: CommandName): string {
  // The doctor is at hand already, and --dpop takes no key.
  const own = message.replace(/\. `npx @mca-auth\/cli doctor` [^`]*$/, '').replace(/: give one as `dpop`$/, '')
  return own.replaceAll(/`(\w+)(?:: (?:true|'(\w+)'))?`/g, (quoted, option: string, value: string | undefined) => {
    const name = renamed[option] ?? option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    return takesFlag(command, name) ? `--${name}${value === undefined ? '' : ` ${value}`}` : quoted
  })
}
