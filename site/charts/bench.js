// The charts of the bench, from the figures that `npm run bench` writes.
import { read } from '../repository.js'
import { legendOf, rowChart } from './rows.js'

const results = () => JSON.parse(read('test/bench/results/results.json'))

/** @type {Readonly<Record<'ratio' | 'nanoseconds' | 'slowest' | 'importMs' | 'kilobytes', import('./rows.js').Scale>>} */
const scales = {
  ratio: { domain: [0.65, 12], ticks: [1, 2, 5, 10].map((ratio) => [ratio, `${ratio}`]), isLogarithmic: true },
  nanoseconds: {
    domain: [20, 1e7],
    ticks: [
      [100, '100 ns'],
      [10_000, '10 µs'],
      [1e6, '1 ms'],
    ],
    isLogarithmic: true,
  },
  slowest: {
    domain: [10, 1_000],
    ticks: [
      [10, '10 ms'],
      [100, '100 ms'],
      [1_000, '1 s'],
    ],
    isLogarithmic: true,
  },
  importMs: {
    domain: [0, 150],
    ticks: [
      [0, '0'],
      [50, '50 ms'],
      [100, '100 ms'],
      [150, '150 ms'],
    ],
  },
  kilobytes: {
    domain: [0, 80_000],
    ticks: [
      [0, '0'],
      [40_000, '40 MB'],
      [80_000, '80 MB'],
    ],
  },
}

/** @param {string} name */
const roleOf = (name) => (/mca-auth/.test(name) ? 'ours' : /lru|repeated/.test(name) ? 'control' : 'peer')

/** @param {number} value Three digits. */
const short = (value) => Number(value.toPrecision(3)).toLocaleString('en')

export function cpuChart() {
  /** @type {{ name: string, client: string, role: string, atOnce: number, cpuRatio: Record<'low' | 'median' | 'high', number> }[]} */
  const requests = results().requests
  const groups = [1, 50].map((atOnce) => ({
    title: atOnce === 1 ? 'one after the other' : `${atOnce} at once`,
    rows: requests
      .filter((row) => row.atOnce === atOnce && row.role !== 'floor')
      .map(({ name, role, cpuRatio: { low, median, high } }) => ({
        name,
        role,
        marks: [{ kind: 'point', value: median, range: /** @type {const} */ ([low, high]) }],
        text: `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`,
      })),
  }))
  const legend = legendOf([
    ['ours', 'mca-auth'],
    ['bound', 'mca-auth, tokens bound to a key'],
    ['peer', 'another library'],
    ['control', 'the bare client against itself'],
  ])
  const note = 'A ratio: 1 is the client with a fixed header. Median and quartiles, on a logarithmic scale.'
  return rowChart('CPU per request', note, scales.ratio, groups, legend)
}

export function headerChart() {
  /** @type {{ name: string, ns: number }[]} */
  const header = results().header
  const rows = header.map(({ name, ns }) => ({
    name,
    role: roleOf(name),
    text: `${short(ns)} ns`,
    marks: [{ kind: 'point', value: ns }],
  }))
  return rowChart('A header from the cache', 'In nanoseconds, on a logarithmic scale.', scales.nanoseconds, [{ rows }])
}

export function expiryChart() {
  /** @type {{ name: string, lifetimeSeconds: number, slowestMs: number }[]} */
  const expiry = results().expiry
  const names = [...new Set(expiry.map(({ name }) => name))]
  const kinds = /** @type {const} */ ([
    [3600, 'none'],
    [20, 'some'],
    [2, 'many'],
  ])
  const rows = names.map((name) => {
    const of = (/** @type {number} */ seconds) =>
      expiry.find((row) => row.name === name && row.lifetimeSeconds === seconds)?.slowestMs ?? Number.NaN
    const marks = kinds.map(([seconds, kind]) => ({ kind: `point ${kind}`, value: of(seconds) }))
    return { name, role: roleOf(name), marks, text: `${marks.map(({ value }) => Math.round(value)).join(', ')} ms` }
  })
  const legend = legendOf([
    ['none', 'no token expires'],
    ['some', 'tokens of 20 s'],
    ['many', 'tokens of 2 s'],
  ])
  const note = 'At 200 requests a second, while tokens expire. A token request takes 100 ms. On a logarithmic scale.'
  return rowChart('The slowest request', note, scales.slowest, [{ rows }], legend)
}

export function weightChart() {
  /** @type {{ name: string, importMs: number, kilobytes: number, packages: number }[]} */
  const weight = results().weight
  const measured = weight.filter(({ packages }) => packages > 0)
  const chart = (
    /** @type {'importMs' | 'kilobytes'} */ field,
    /** @type {string} */ title,
    /** @type {string} */ unit,
  ) => {
    const rows = measured.map((row) => ({
      name: row.name,
      role: roleOf(row.name),
      text: `${short(row[field])}${unit}`,
      marks: [{ kind: 'bar', value: row[field] }],
    }))
    return rowChart(title, 'Over the bare client.', scales[field], [{ rows }])
  }
  return chart('importMs', 'Import time', ' ms') + chart('kilobytes', 'Installed size', ' kB')
}
