import { type CommandName, commands, type HelpPart, type HelpSection, isCommand } from './commands.js'
import { exitCodes } from './exit-codes.js'
import { type Flag, generalFlags } from './flags.js'
import { topics } from './help-topics.js'
import { columnsOf, painter } from './terminal.js'
import { displayWidth, twoColumns, wrapped } from './text-layout.js'

/** The left column of options. */
const flagColumn = 29
/** Longer lines are hard to read. */
const maxColumns = 100

/** Names that `mca-auth help` takes. */
export const helpNames: readonly string[] = [...Object.keys(commands), ...Object.keys(topics)]

/**
 * The help, wrapped to the width of the stream.
 *
 * @param name - a command or a topic. @default an overview
 */
export function help(name: string | undefined, stream: NodeJS.WriteStream = process.stdout): string {
  const page = new Page(stream)
  if (name === undefined) overview(page)
  else if (isCommand(name)) helpOfCommand(page, name)
  else if (topics[name] !== undefined) page.section(topics[name])
  return page.text
}

function overview(page: Page): void {
  page.text += 'Usage: mca-auth <command> [options]\n'
  page.part('OAuth 2.0 access tokens in the shell, and a diagnostic command for credentials.')
  const names = Object.entries(commands).map(([name, { argument = '', summary }]) => [`${name} ${argument}`, summary])
  page.section({
    title: 'Commands',
    parts: [{ terms: { ...Object.fromEntries(names), 'help NAME': 'explain a command or a topic' } }],
  })
  page.section({
    title: 'Topics',
    parts: [{ terms: Object.fromEntries(Object.entries(topics).map(([name, { summary }]) => [name, summary])) }],
  })
  page.exitCodes(exitCodes)
  page.section({
    title: 'Examples',
    parts: [
      {
        examples: [
          ['Call a service:', 'curl -H "Authorization: $(mca-auth token)" https://orders.example.com/'],
          ['Find out what is wrong, where the service runs:', 'npx @mca-auth/cli doctor'],
          ['The options of a command, with examples:', 'mca-auth help token'],
        ],
      },
    ],
  })
}

function helpOfCommand(page: Page, name: CommandName): void {
  const { argument = '', description, flagGroups, sections, exitCodes: numbers } = commands[name]
  page.text += `Usage: mca-auth ${name} ${argument === '' ? '' : `${argument} `}[options]\n`
  for (const part of description) page.part(part)
  for (const { title, flags } of flagGroups) page.flags(title, flags)
  page.flags('General', generalFlags)
  for (const section of sections) page.section(section)
  page.exitCodes(exitCodes.filter(([number]) => numbers.includes(number)))
}

/** The text of one page of help. */
class Page {
  text = ''
  readonly #columns: number
  readonly #paint: ReturnType<typeof painter>

  constructor(stream: NodeJS.WriteStream) {
    this.#columns = Math.min(columnsOf(stream), maxColumns)
    this.#paint = painter(stream)
  }

  section({ title, parts }: HelpSection): void {
    this.#heading(title)
    const [first, ...rest] = parts
    if (first !== undefined) this.#body(first)
    for (const part of rest) this.part(part)
  }

  /** After an empty line. */
  part(part: HelpPart): void {
    this.text += '\n'
    this.#body(part)
  }

  flags(title: string, flags: readonly (Flag & { readonly short?: string })[]): void {
    this.#heading(title)
    for (const { name, short, value, meaning } of flags) {
      this.#row(`  --${name}${value === '' ? '' : ` ${value}`}${short === undefined ? '' : `, -${short}`}`, meaning)
    }
  }

  exitCodes(codes: readonly (readonly [number, string])[]): void {
    this.#heading('Exit codes')
    for (const [code, meaning] of codes) this.#row(`  ${code}`, meaning, 5)
  }

  #heading(title: string): void {
    const lines = wrapped(title.endsWith('?') ? title : `${title}:`, this.#columns)
    this.text += `\n${lines.map((line) => this.#paint('bold', line)).join('\n')}\n`
  }

  #body(part: HelpPart): void {
    if (typeof part === 'string') this.#lines(wrapped(part, this.#columns))
    else if ('terms' in part) {
      const left = Math.max(...Object.keys(part.terms).map(displayWidth)) + 4
      for (const [term, meaning] of Object.entries(part.terms)) this.#row(`  ${term}`, meaning, left)
    } else {
      for (const [comment, ...commandLines] of part.examples) {
        this.#lines(wrapped(`# ${comment}`, this.#columns - 2).map((line) => this.#paint('dim', `  ${line}`)))
        // Not wrapped: a reader copies them.
        this.#lines(commandLines.map((line) => `  ${line}`))
      }
    }
  }

  #row(left: string, right: string, column = flagColumn): void {
    this.#lines(twoColumns(left, right, { columns: this.#columns, left: column }))
  }

  #lines(lines: readonly string[]): void {
    this.text += `${lines.join('\n')}\n`
  }
}
