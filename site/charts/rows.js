// Charts of one row for each contender, as tables: readable without colours, in the dark, on a phone and aloud. Their
// rows are laid out as grids, which is why the roles of tables are written out.
import { escaped } from '../html.js'

/**
 * @typedef {object} Mark
 * @property {string} kind Its class: a point, a bar, or a range with its median.
 * @property {number} value
 * @property {readonly [low: number, high: number]} [range]
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} role `ours`, `bound`, `peer` or `control`.
 * @property {readonly Mark[]} marks
 * @property {string} text The figures in words.
 *
 * @typedef {object} Group
 * @property {string} [title]
 * @property {readonly Row[]} rows
 *
 * @typedef {object} Scale
 * @property {readonly [from: number, to: number]} domain
 * @property {readonly (readonly [value: number, label: string])[]} ticks
 * @property {boolean} [isLogarithmic]
 */

/** @param {Scale} scale @param {number} value @returns {number} Per cent of the width. */
function position({ domain: [from, to], isLogarithmic }, value) {
  const place = isLogarithmic === true ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from)
  return Math.round(Math.min(1, Math.max(0, place)) * 1000) / 10
}

/** @param {Scale} scale @param {Mark} mark */
function drawn(scale, { kind, value, range }) {
  const at = position(scale, value)
  const point = `<i class="${kind}" style="${kind === 'bar' ? `width:${at}%` : `left:${at}%`}"></i>`
  if (range === undefined) return point
  const [low, high] = range.map((end) => position(scale, end))
  return `<i class="range" style="left:${low}%;width:${Math.max(0, (high ?? 0) - (low ?? 0)).toFixed(1)}%"></i>${point}`
}

/** @param {Scale} scale */
function axis(scale) {
  const labels = scale.ticks.map(
    ([value, label]) => `<i class="tick" style="left:${position(scale, value)}%"><b>${escaped(label)}</b></i>`,
  )
  return `<div class="chart-axis" aria-hidden="true">${labels.join('')}</div>`
}

/** @param {Scale} scale */
function grid(scale) {
  return scale.ticks.map(([value]) => `<i class="line" style="left:${position(scale, value)}%"></i>`).join('')
}

/** @param {Scale} scale @param {Row} row */
function line(scale, { name, role, marks, text }) {
  return `<tr role="row" class="chart-row ${role}"><th role="rowheader" scope="row">${escaped(name)}</th><td role="presentation" class="plot" aria-hidden="true">${grid(scale)}${marks
    .map((mark) => drawn(scale, mark))
    .join('')}</td><td role="cell" class="figures">${escaped(text)}</td></tr>`
}

/**
 * @param {string} title
 * @param {string} note How to read it.
 * @param {Scale} scale
 * @param {readonly Group[]} groups
 * @param {string} [legend]
 */
export function rowChart(title, note, scale, groups, legend = '') {
  const tables = groups.map(({ title: heading, rows }) => {
    const caption = heading === undefined ? title : `${title}: ${heading}`
    const shown = heading === undefined ? '' : `<p class="chart-group" aria-hidden="true">${escaped(heading)}</p>`
    return `${shown}<table role="table" aria-label="${escaped(caption)}"><tbody role="rowgroup">${rows
      .map((row) => line(scale, row))
      .join('')}</tbody></table>${axis(scale)}`
  })
  return `<figure class="chart"><figcaption><strong>${escaped(title)}</strong> ${escaped(note)}</figcaption>${legend}${tables.join('')}</figure>\n`
}

/** @param {readonly (readonly [kind: string, text: string])[]} entries */
export function legendOf(entries) {
  return `<ul class="chart-legend">${entries.map(([kind, text]) => `<li class="${kind}"><i aria-hidden="true"></i>${escaped(text)}</li>`).join('')}</ul>`
}
