import { eastAsianWidth } from 'get-east-asian-width'

/** Marks that are drawn over the character before them. */
const combining = /[\p{Mn}\p{Me}]/u
/** A character after which East Asian text may continue on the next line. */
const ideograph = '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}]'
/**
 * The parts between which a line may be broken, each with the spaces before it. A command in backticks, an option with its
 * value and a URL stay whole, since a reader may copy them.
 */
const parts = new RegExp(`( *)(\`[^\`]*\`\\S*|--[\\w-]+ [\\w.=/-]+\\S*|${ideograph}|(?:(?!${ideograph})\\S)+)`, 'gu')

/** The number of columns that a terminal needs for a text without control characters. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) {
    if (!combining.test(character)) width += eastAsianWidth(character.codePointAt(0) as number)
  }
  return width
}

/** Adds spaces up to this number of columns. */
export function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

/** The text in lines of at most `columns`. A part that must stay whole may be longer. */
export function wrapped(text: string, columns: number): string[] {
  if (displayWidth(text) <= columns) return [text]
  const lines: string[] = []
  let line = ''
  for (const [, spaces = '', part = ''] of text.matchAll(parts)) {
    if (line !== '' && displayWidth(line + spaces + part) > columns) {
      lines.push(line)
      line = part
    } else line += spaces + part
  }
  return [...lines, line]
}

/** Text in two columns: `first` on the left, and `text` next to it, or below it on a narrow terminal. */
export function twoColumns(
  first: string,
  text: string,
  { columns, left }: { columns: number; left: number },
): string[] {
  const isNarrow = columns < left + 30
  const indent = isNarrow ? 6 : left
  const lines = wrapped(text, columns - indent).map((line) => ' '.repeat(indent) + line)
  if (isNarrow || displayWidth(first) >= left) return [first, ...lines]
  return [padded(first, left) + (lines[0] ?? '').trimStart(), ...lines.slice(1)]
}
