// The page of what works with what, from the rows of a run.
import { readFileSync, writeFileSync } from 'node:fs'

/** @typedef {import('./run.js').Result} Result */

const page = new URL('../../docs/works-with.md', import.meta.url)

export const isCurrent = (/** @type {Result[]} */ rows) => withTable(rows) === readFileSync(page, 'utf8')

export const write = (/** @type {Result[]} */ rows) => writeFileSync(page, withTable(rows))

/** The page with what is between the markers anew. */
function withTable(/** @type {Result[]} */ rows) {
  const text = readFileSync(page, 'utf8')
  const [before, , after] = text.split(/(?<=<!-- written by npm run test:compositions -->\n)|(?=<!-- end -->)/)
  return `${before}\n${tables(rows)}\n${after}`
}

function tables(/** @type {Result[]} */ rows) {
  return ''
}
