import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../packages/cli/src/command-line.ts'
import { commands } from '../../packages/cli/src/commands.ts'
import { UsageError } from '../../packages/cli/src/exit-codes.ts'
import { flags } from '../../packages/cli/src/flags.ts'
import { help } from '../../packages/cli/src/help.ts'
import { topics } from '../../packages/cli/src/help-topics.ts'
import { displayWidth } from '../../packages/cli/src/text-layout.ts'
import { read } from '../repository.ts'
import { run } from './fixture.ts'

const names = Object.keys(commands)

describe('the help', () => {
  it('is an overview of commands, topics and exit codes', async () => {
    const { code, out, err } = await run(['--help'])
    expect([code, err]).toEqual([0, ''])
    for (const name of [...names, ...Object.keys(topics)]) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect([...out.matchAll(/^ {2}(\d) /gm)].map(([, number]) => Number(number))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(await run(['-h'])).toEqual({ code, out, err })
    expect(await run(['help'])).toEqual({ code, out, err })
  })

  it('is printed on standard error if the command is missing, with the code of a usage error', async () => {
    const { out: expected } = await run(['--help'])
    expect(await run([])).toEqual({ code: 2, out: '', err: expected })
  })

  it.each(names)('of `%s` has all its options, its exit codes, and examples', (name) => {
    const page = at(80, name)
    for (const { flags: own } of commands[name as keyof typeof commands].flagGroups) {
      for (const flag of own) expect(page).toContain(`\n  --${flag.name} `)
    }
    expect(page).toMatch(/\nExit codes:\n {2}0 /)
    expect(page).toMatch(/\nExamples:\n {2}# /)
  })

  it('of a command is printed whichever way it is requested', async () => {
    const expected = { code: 0, out: `${at(80, 'token')}`, err: '' }
    const wide = { COLUMNS: '80' }
    expect(await run(['help', 'token'], wide)).toEqual(expected)
    expect(await run(['token', '--help'], wide)).toEqual(expected)
    expect(await run(['token', '--client-id', 'x', '-h'], wide)).toEqual(expected)
  })

  it('has every flag', () => {
    const documented = Object.values(commands).flatMap(({ flagGroups }) => flagGroups.flatMap((group) => group.flags))
    const undocumented = [...flags.keys()].filter((name) => !documented.some((flag) => flag.name === name))
    expect(undocumented).toEqual(['help', 'version'])
  })

  it.each(Object.keys(topics))('explains %s', (topic) => {
    expect(at(80, topic).split('\n').length).toBeGreaterThan(8)
  })

  it('is in the README: if it differs, npm run vitest -- cli/help --update', async () => {
    const { out } = await run(['--help'], { COLUMNS: '80' })
    const readme = read('packages/cli/README.md').replace(/(?<=^```text\n).*?(?=^```$)/ms, () => out)
    await expect(readme).toMatchFileSnapshot(join(import.meta.dirname, '../../packages/cli/README.md'))
  })

  // A broken line can be neither copied nor pasted.
  it.each([40, 80, 200])('fits into %i columns of a terminal, except for examples', (columns) => {
    for (const name of [undefined, ...names, ...Object.keys(topics)]) {
      const isExample = (line: string) => /^ {2}(curl|mca-auth|npx|openssl|vault| )/.test(line)
      const isLong = (line: string) => displayWidth(line) > Math.min(columns, 100) && /\S {1,2}\S/.test(line.trim())
      expect(
        at(columns, name)
          .split('\n')
          .filter((line) => isLong(line) && !isExample(line)),
      ).toEqual([])
    }
  })

  it('breaks no command and no URL of an example', () => {
    const example = '  mca-auth doctor --url https://orders.example.com/mine --send\n'
    for (const columns of [40, 80, 200]) expect(at(columns, 'doctor')).toContain(example)
  })
})

/** The help on a terminal of this width. */
function at(columns: number, name: string | undefined): string {
  return stripVTControlCharacters(help(name, { isTTY: true, columns } as NodeJS.WriteStream))
}

describe('a mistyped name is answered with the one that was probably meant', () => {
  it.each([
    [['docter'], 'unknown command: did you mean `doctor`?'],
    [['tokne'], 'unknown command: did you mean `token`?'],
    [['help', 'credential'], 'no help about that: did you mean `credentials`?'],
    [
      ['token', '--token-endpiont', 'https://a.example.com'],
      'unknown option --token-endpiont: did you mean --token-endpoint?',
    ],
    [['token', '--scopes=read'], 'unknown option --scopes: did you mean --scope?'],
    [['token', '--endpoint', 'https://a.example.com'], 'unknown option --endpoint: did you mean --token-endpoint?'],
    [['token', '--timeout', '5'], 'unknown option --timeout: did you mean --timeout-ms?'],
    [['token', '-client-id', 'x'], 'unknown option -client-id: did you mean --client-id?'],
  ])('%j: %s', async (args, message) => {
    await expect(readCommandLine(args)).rejects.toThrow(new UsageError(message))
  })

  it('without repeating a command, which may be a secret in the wrong place', async () => {
    const { code, out, err } = await run(['not-a-real-secret'])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^mca-auth: unknown command; known are: /)
  })
})

it('the version is printed by each form of its option', async () => {
  const version = `${JSON.parse(read('packages/cli/package.json')).version}\n`
  for (const flag of ['--version', '-v']) expect(await run([flag])).toEqual({ code: 0, out: version, err: '' })
})
