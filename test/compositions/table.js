// The page of what works with what, from the rows of a run.
import { readFileSync, writeFileSync } from 'node:fs'

/** @typedef {import('./run.js').Result} Result */

const page = new URL('../../docs/works-with.md', import.meta.url)

/** The clients, in the order of the page. */
const clients = ['axios', 'got', 'undici', 'fetch', 'OpenTelemetry']

export const isCurrent = (/** @type {Result[]} */ rows) => withTables(rows) === readFileSync(page, 'utf8')

export const write = (/** @type {Result[]} */ rows) => writeFileSync(page, withTables(rows))

/** The page with what is between the markers anew. */
function withTables(/** @type {Result[]} */ rows) {
  const text = readFileSync(page, 'utf8')
  const [before, , after] = text.split(/(?<=<!-- written by npm run test:compositions -->\n)|(?=<!-- end -->)/)
  return `${before}\n${clients.map((client) => section(client, rows)).join('\n\n')}\n\n${after}`
}

function section(/** @type {string} */ client, /** @type {Result[]} */ rows) {
  const own = rows.filter(({ group }) => group.split(' ')[0] === client)
  // The newest version first: what it takes is what the others are compared with.
  own.sort((a, b) => b.group.localeCompare(a.group, 'en', { numeric: true }))
  const byLayer = groupBy(own, ({ layer }) => layer.split(' + ').sort().join(' + '))
  const lines = [...byLayer].map(([layer, all]) => cellsOf(layer, all))
  const head = ['with', 'version', 'order to use', 'what is lost in another order, or in any']
  const table = [head, head.map(() => '-'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
  return [`## ${client}`, '', ...table].join('\n')
}

/** One line of a table: a layer in all its places and versions. */
function cellsOf(/** @type {string} */ layer, /** @type {Result[]} */ rows) {
  const places = groupBy(rows, ({ place }) => place)
  const good = [...places].filter(([, all]) => all.some(({ limits }) => Object.keys(limits).length === 0))
  const lost = [...places].flatMap(([place, all]) => lossesOf(place, all, places.size > 1))
  const order =
    good.length === places.size && places.size > 1 && lost.length === 0 ? 'any' : good.map(code).join('<br>')
  return [layer, versionsOf(rows, layer), order || [...places].map(code).join('<br>'), [...new Set(lost)].join('<br>')]
}

const code = (/** @type {[string, Result[]]} */ [place]) => `\`${place}\``

/** What is lost in one place, and in which versions if not in all. */
function lossesOf(/** @type {string} */ place, /** @type {Result[]} */ rows, /** @type {boolean} */ named) {
  const byText = groupBy(
    rows.flatMap(({ limits, group }) => Object.values(limits).map((text) => ({ text, group }))),
    ({ text }) => text,
  )
  return [...byText].map(([text, all]) => {
    const where = [
      ...(named ? [`\`${place}\``] : []),
      ...(all.length < rows.length ? all.map(({ group }) => group) : []),
    ]
    return where.length > 0 ? `${where.join(', ')}: ${text}` : text
  })
}

/** Without the name where that is the layer's or the client's. */
function versionsOf(/** @type {Result[]} */ rows, /** @type {string} */ layer) {
  const all = new Set(rows.flatMap(({ versions }) => versions))
  const names = [layer, 'axios', 'got', 'undici']
  const withoutName = (/** @type {string} */ text) => {
    const name = names.find((one) => text.startsWith(`${one} `))
    return name === undefined ? text : text.slice(name.length + 1)
  }
  return [...all].map(withoutName).join(', ')
}

/** @template T @param {T[]} all @param {(one: T) => string} keyOf @returns {Map<string, T[]>} */
function groupBy(all, keyOf) {
  const groups = new Map()
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}
