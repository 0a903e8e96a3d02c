// The charts, drawn without a browser.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, View } from 'vega'
import { compile } from 'vega-lite'

const colours = {
  domain: ['ours', 'bound', 'peer', 'control'],
  range: ['#0f62fe', '#33b1ff', '#8d8d8d', '#c6c6c6'],
}
const width = 520

export async function drawCharts(/** @type {Record<string, any>} */ results, /** @type {string} */ directory) {
  const { date, node, processor, versions } = results.about
  const clients = ['axios', 'got', 'undici'].map((name) => `${name} ${versions[name]}`).join(', ')
  const subtitle = [`${date}, Node.js ${node}, ${processor}`, clients]
  const draw = async (/** @type {string} */ name, /** @type {string} */ text, /** @type {object} */ spec) => {
    const { spec: vega } = compile(
      /** @type {any} */ ({
        $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
        background: 'white',
        padding: 12,
        title: { text, subtitle, anchor: 'start', subtitleColor: '#525252' },
        config: { axis: { labelLimit: 360, grid: true }, view: { stroke: null }, font: 'sans-serif' },
        ...spec,
      }),
    )
    writeFileSync(join(directory, `${name}.svg`), `${await new View(parse(vega), { renderer: 'none' }).toSVG()}\n`)
  }

  if (results.fleet !== undefined) {
    const processes = (/** @type {string} */ field, /** @type {string} */ title) => ({
      width: width / 2,
      height: 180,
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'processes', type: 'quantitative', title: 'processes', scale: { type: 'log', base: 2 } },
        y: { field, type: 'quantitative', title, scale: { type: 'log' } },
        color: {
          field: 'cache',
          type: 'nominal',
          title: 'shared cache',
          sort: null,
          scale: { range: ['#8d8d8d', '#33b1ff', '#0f62fe'] },
          legend: { orient: 'bottom' },
        },
        strokeDash: { field: 'cache', type: 'nominal', sort: null, legend: null },
      },
    })
    await draw('fleet-start', 'Processes that start at once, 20 cold callers in each', {
      data: { values: results.fleet.processes },
      hconcat: [
        processes('tokenRequests', 'token requests, logarithmic'),
        processes('slowestMs', 'until the last has its token, ms, logarithmic'),
      ],
    })

    const values = results.fleet.simulation.flatMap((/** @type {any} */ { shared, jitter, tokenRequests }) =>
      tokenRequests.map((/** @type {number} */ count, /** @type {number} */ minute) => ({
        minute,
        count: Math.max(count, 0.5),
        way: `${shared ? 'shared cache' : 'each alone'}, ${jitter ? 'with' : 'without'} jitter`,
      })),
    )
    await draw('fleet', 'Token requests a minute, 10,000 processes, tokens of an hour', {
      width,
      height: 220,
      data: { values },
      mark: { type: 'line', interpolate: 'step' },
      encoding: {
        x: { field: 'minute', type: 'quantitative', title: 'minutes on a virtual clock; all start in the first' },
        y: {
          field: 'count',
          type: 'quantitative',
          title: 'token requests, logarithmic',
          scale: { type: 'log', domain: [0.5, 20_000] },
          axis: { values: [1, 10, 100, 1000, 10_000] },
        },
        color: {
          field: 'way',
          type: 'nominal',
          title: null,
          sort: null,
          scale: { range: ['#8d8d8d', '#c6c6c6', '#33b1ff', '#0f62fe'] },
          legend: { orient: 'bottom', columns: 2, labelLimit: 300 },
        },
      },
    })
    return
  }

  const y = { field: 'name', type: 'nominal', sort: null, title: null }
  const color = { field: 'role', type: 'nominal', scale: colours, legend: null }

  const cpu = results.requests
    .filter((/** @type {any} */ row) => row.role !== 'floor')
    .map((/** @type {any} */ row) => ({
      ...row,
      ...row.cpuRatio,
      rows: row.atOnce === 1 ? 'one after the other' : '50 at once',
    }))
  const x = (/** @type {string} */ field, /** @type {string | null} */ title, /** @type {object} */ scale = {}) => ({
    field,
    type: 'quantitative',
    title,
    scale: { zero: false, ...scale },
  })
  const ratios = { type: 'log', domain: [0.7, 10], nice: false }
  const ticks = { values: [0.8, 1, 1.2, 1.5, 2, 3, 5, 10], format: '~g' }
  await draw('cpu', 'CPU per request, over the bare client with a fixed header', {
    data: { values: cpu },
    facet: {
      row: {
        field: 'rows',
        title: null,
        sort: null,
        header: { labelAnchor: 'start', labelAngle: 0, labelOrient: 'top' },
      },
    },
    spec: {
      width,
      layer: [
        { mark: { type: 'rule', color: '#161616', strokeDash: [3, 3] }, encoding: { x: { datum: 1 } } },
        {
          mark: { type: 'rule', strokeWidth: 5, opacity: 0.35 },
          encoding: {
            y,
            color,
            x: {
              ...x('low', 'ratio: median and quartiles; grey: the floor against itself, and peers', ratios),
              axis: ticks,
            },
            x2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 60, opacity: 1 },
          encoding: { y, color, x: x('median', null, ratios) },
        },
      ],
    },
    resolve: { scale: { y: 'independent' } },
  })

  const named = (/** @type {string} */ name) =>
    /mca-auth/.test(name) ? 'ours' : /lru|repeated/.test(name) ? 'control' : 'peer'
  await draw('header', 'A header from the cache, in nanoseconds', {
    width,
    data: { values: results.header.map((/** @type {any} */ row) => ({ ...row, role: named(row.name) })) },
    mark: { type: 'point', filled: true, size: 70, opacity: 1 },
    encoding: { y, color, x: x('ns', 'ns, logarithmic', { type: 'log' }) },
  })

  await draw('expiry', 'The slowest of 200 requests a second, as tokens expire', {
    width,
    data: {
      values: results.expiry.map((/** @type {any} */ row) => ({
        ...row,
        lifetime: row.lifetimeSeconds === 3600 ? 'none expires' : `tokens of ${row.lifetimeSeconds} s`,
      })),
    },
    mark: { type: 'point', size: 70, opacity: 1 },
    encoding: {
      y,
      x: x('slowestMs', 'ms, logarithmic; a token request takes 100 ms', { type: 'log' }),
      shape: { field: 'lifetime', type: 'nominal', sort: null, title: null },
      color: {
        field: 'lifetime',
        type: 'nominal',
        sort: null,
        title: null,
        scale: { range: ['#a8a8a8', '#33b1ff', '#0f62fe'] },
        legend: { orient: 'bottom' },
      },
    },
  })

  await draw('weight', 'Import time and size, over the bare client', {
    data: {
      values: results.weight
        .filter((/** @type {any} */ row) => row.packages > 0)
        .map((/** @type {any} */ row) => ({ ...row, role: named(row.name) })),
    },
    hconcat: [
      { width: width / 2, mark: 'bar', encoding: { y, color, x: x('importMs', 'import, ms', { zero: true }) } },
      {
        width: width / 2,
        mark: 'bar',
        encoding: { y: { ...y, axis: null }, color, x: x('kilobytes', 'size, kB', { zero: true }) },
      },
    ],
  })
}
