// Makes the page of working combinations from the rows of a run.
import { readFileSync, writeFileSync } from 'node:fs'

/** @typedef {import('./run.js').Result} Result */

const page = new URL('../../docs/works-with.md', import.meta.url)

/** The clients, in the order of the page. */
const clients = ['axios', 'got', 'undici', 'fetch', 'OpenTelemetry']

export const isCurrent = (/** @type {Result[]} */ rows) => withTables(rows) === readFileSync(page, 'utf8')

export const write = (/** @type {Result[]} */ rows) => writeFileSync(page, withTables(rows))

/** The page with new content between the markers. */
function withTables(/** @type {Result[]} */ rows) {
  const text = readFileSync(page, 'utf8')
  const [before, , after] = text.split(/(?<=<!-- written by npm run test:compositions -->\n)|(?=<!-- end -->)/)
  return `${before}\n${clients.map((client) => section(client, rows)).join('\n\n')}\n\n${after}`
}

function section(/** @type {string} */ client, /** @type {Result[]} */ rows) {
  const own = rows.filter(({ group }) => group.split(' ')[0] === client)
  // The newest version first: the others are compared with it.
  own.sort((a, b) => b.group.localeCompare(a.group, 'en', { numeric: true }))
  const byLayer = groupBy(own, ({ layer }) => [...new Set(layer.split(' + '))].sort().join(' + '))
  const lines = [...byLayer].map(([layer, all]) => cellsOf(layer, all))
  const head = ['with', 'version', 'order to use', 'what is lost in another order, or in any']
  // As wide as in the formatter's output.
  const widths = head.map((title, i) => Math.max(...[head, ...lines].map((cells) => cells[i].length), title.length))
  const rule = widths.map((width) => '-'.repeat(width))
  const table = [head, rule, ...lines].map(
    (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`,
  )
  return [`## ${client}`, '', ...table].join('\n')
}

/** One line of a table: a layer in all its places and versions. */
function cellsOf(/** @type {string} */ layer, /** @type {Result[]} */ rows) {
  const places = [...groupBy(rows, ({ place }) => place)]
  const texts = new Set(rows.flatMap(({ limits }) => Object.values(limits)))
  const losses = [...texts].map((text) => ({ text, lossy: places.filter(([, all]) => all.some(has(text))) }))
  const isEverywhere = losses.every(({ lossy }) => lossy.length === places.length)
  const good = places.filter(([, all]) => all.some(({ limits }) => Object.keys(limits).length === 0))
  const order = !isEverywhere ? good : places
  return [
    layer,
    versionsOf(rows, layer),
    isEverywhere && places.length > 1 ? 'any' : order.map(([place]) => asCode(place)).join('<br>'),
    losses.map(({ text, lossy }) => lossOf(text, lossy, places.length > lossy.length)).join('<br>'),
  ]
}

const has =
  (/** @type {string} */ text) =>
  (/** @type {Result} */ { limits }) =>
    Object.values(limits).includes(text)

/** A sentence is not code. */
const asCode = (/** @type {string} */ place) => (/[({]/.test(place) ? `\`${place}\`` : place)

/** The lost feature, with its places and versions if it is not lost everywhere. */
function lossOf(/** @type {string} */ text, /** @type {[string, Result[]][]} */ lossy, /** @type {boolean} */ isNamed) {
  const rows = lossy.flatMap(([, all]) => all)
  const groups = new Set(rows.filter(has(text)).map(({ group }) => group))
  const isInAll = rows.every(({ group }) => groups.has(group))
  const limited = [...(isNamed ? lossy.map(([place]) => asCode(place)) : []), ...(isInAll ? [] : groups)]
  return limited.length > 0 ? `${limited.join(', ')}: ${text}` : text
}

/** Without the name if it equals that of the layer or the client. */
function versionsOf(/** @type {Result[]} */ rows, /** @type {string} */ layer) {
  const all = [...new Set(rows.flatMap(({ versions }) => versions))]
  const names = [rows[0].group.split(' ')[0], ...(all.length === 1 ? [layer] : [])]
  return all
    .map((text) => {
      const name = names.find((one) => text.startsWith(`${one} `))
      return name === undefined ? text : text.slice(name.length + 1)
    })
    .join(', ')
}

/** @template T @param {T[]} all @param {(one: T) => string} keyOf @returns {Map<string, T[]>} */
function groupBy(all, keyOf) {
  const groups = new Map()
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}
