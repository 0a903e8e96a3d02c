// Token requests of a fleet over time: a line for each way to cache.
import { escaped } from '../html.js'
import { read } from '../repository.js'
import { legendOf } from './rows.js'

const [width, height, left, bottom, top] = [640, 260, 52, 34, 10]
const [least, most] = [0.5, 20_000]

/** @param {number} count */
const y = (count) =>
  top + (height - bottom - top) * (1 - Math.log(Math.max(count, least) / least) / Math.log(most / least))

export function fleetChart() {
  /** @type {{ shared: boolean, jitter: boolean, tokenRequests: number[] }[]} */
  const simulation = JSON.parse(read('test/bench/results/fleet.json')).fleet.simulation
  const minutes = Math.max(...simulation.map(({ tokenRequests }) => tokenRequests.length))
  const x = (/** @type {number} */ minute) => left + ((width - left - 10) * minute) / minutes
  const lines = simulation.map(({ shared, jitter, tokenRequests }) => {
    const steps = tokenRequests.map(
      (count, i) => `${x(i).toFixed(1)},${y(count).toFixed(1)} ${x(i + 1).toFixed(1)},${y(count).toFixed(1)}`,
    )
    return `<polyline class="${classOf(shared, jitter)}" points="${steps.join(' ')}"/>`
  })
  const ticks = [1, 10, 100, 1_000, 10_000].map(
    (count) =>
      `<line x1="${left}" x2="${width - 10}" y1="${y(count)}" y2="${y(count)}"/><text x="${left - 8}" y="${y(count) + 4}" text-anchor="end">${count.toLocaleString('en')}</text>`,
  )
  const hours = Array.from({ length: Math.floor(minutes / 60) + 1 }, (_, hour) => hour * 60)
  const marks = hours.map(
    (minute) => `<text x="${x(minute)}" y="${height - 14}" text-anchor="middle">${minute} min</text>`,
  )
  const title = 'Token requests a minute, 10,000 processes, tokens of an hour'
  const peaks = simulation.map(
    ({ shared, jitter, tokenRequests }) =>
      `${nameOf(shared, jitter)}: at most ${Math.max(...tokenRequests.slice(1)).toLocaleString('en')} after the first minute`,
  )
  const legend = legendOf(
    simulation.map(({ shared, jitter }) => /** @type {const} */ ([classOf(shared, jitter), nameOf(shared, jitter)])),
  )
  return `<figure class="chart"><figcaption><strong>${escaped(title)}</strong> On a virtual clock; all processes start in the first minute. Logarithmic; none is drawn at the bottom.</figcaption>${legend}<div class="scrollable fleet" tabindex="0" role="group" aria-label="Chart"><svg role="img" aria-label="${escaped(`${title}. ${peaks.join('. ')}`)}" viewBox="0 0 ${width} ${height}"><g class="grid">${ticks.join('')}${marks.join('')}</g>${lines.join('')}</svg></div></figure>\n`
}

/** @param {boolean} shared @param {boolean} jitter */
function nameOf(shared, jitter) {
  return `${shared ? 'shared cache' : 'each process alone'}, ${jitter ? 'with' : 'without'} jitter`
}

/** @param {boolean} shared @param {boolean} jitter */
function classOf(shared, jitter) {
  return `${shared ? 'shared' : 'alone'}-${jitter ? 'spread' : 'together'}`
}
