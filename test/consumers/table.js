// Makes the page from the results of a run.
import { readFileSync, writeFileSync } from 'node:fs'

/** @typedef {import('./run.js').Result} Result */

const page = new URL('../../docs/consumers.md', import.meta.url)
const head = ['with', 'version', 'as', 'on Node.js', 'what to know']

/** The sections, in the order of the page. */
const sections = ['TypeScript', 'Runtimes', 'Test runners', 'Bundlers', 'Frameworks']

export const isCurrent = (/** @type {readonly Result[]} */ results) =>
  withTables(results) === readFileSync(page, 'utf8')

export const write = (/** @type {readonly Result[]} */ results) => writeFileSync(page, withTables(results))

/** The page with new content between the markers. @param {readonly Result[]} results */
function withTables(results) {
  const text = readFileSync(page, 'utf8')
  const [before, , after] = text.split(/(?<=<!-- written by npm run test:consumers -->\n)|(?=<!-- end -->)/)
  const tables = sections.map((section) => {
    const own = results.filter((result) => result.section === section)
    return `## ${section}\n\n${table([head, ...linesOf(own)])}`
  })
  return `${before}\n${tables.join('\n\n')}\n\n${after}`
}

/** One line for all projects about one subject, in a stable order. @param {readonly Result[]} results */
function linesOf(results) {
  const groups = groupBy(results, ({ uses, version }) => `${uses}\0${version}`)
  return [...groups.values()]
    .map((all) => [
      all[0]?.uses ?? '',
      all[0]?.version ?? '',
      list(
        all.map(({ as, limit }) => (limit === undefined ? as : '')),
        '; ',
      ),
      list(all.map(({ node = 20, isElsewhere }) => (isElsewhere ? '' : `${node}`))),
      list(
        all.map(({ note }) => note),
        '<br>',
      ),
    ])
    .sort(([a, b], [c, d]) => compare(`${a} ${b}`, `${c} ${d}`))
}

/** @param {readonly string[]} texts */
function list(texts, separator = ', ') {
  return [...new Set(texts)].filter(Boolean).sort(compare).join(separator)
}

/** @param {string} a @param {string} b */
function compare(a, b) {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** Formatted like the output of the formatter. @param {readonly (readonly string[])[]} lines */
function table(lines) {
  const widths = head.map((_, i) => Math.max(...lines.map((cells) => cells[i]?.length ?? 0)))
  const rule = widths.map((width) => '-'.repeat(width))
  const [titles = [], ...rest] = lines
  return [titles, rule, ...rest]
    .map((cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`)
    .join('\n')
}

/** @template T @param {readonly T[]} all @param {(one: T) => string} keyOf @returns {Map<string, T[]>} */
function groupBy(all, keyOf) {
  const groups = new Map()
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}
