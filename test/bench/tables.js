// The results as readable tables.

/** @typedef {import('./statistics.js').Quartiles} Quartiles */

export function printTables(/** @type {Record<string, any>} */ results) {
  const { date, node, processor } = results.about
  console.log(`${date}, Node.js ${node}, ${processor}`)

  if (results.fleet !== undefined) {
    printFleet(results.fleet)
    return
  }
  table('A header from the cache', results.header, {
    contender: (row) => row.name,
    ns: (row) => number(row.ns),
    'of the floor': (row) => ratio(row.ratio),
    bytes: (row) => number(row.bytes),
  })
  table('A request, compared with the bare client with a fixed header (median, quartiles)', results.requests, {
    contender: (row) => row.name,
    'at once': (row) => number(row.atOnce),
    'CPU µs': (row) => number(row.cpuUs),
    'CPU, ratio': (row) => ratio(row.cpuRatio),
    'per second': (row) => number(row.perSecond),
    'throughput, ratio': (row) => ratio(row.throughputRatio),
  })
  table('Instructions per request', results.instructions, {
    contender: (row) => row.name,
    thousands: (row) => number(row.perRequest / 1000),
    'of the floor': (row) => {
      const floor = results.instructions.find(
        (/** @type {any} */ other) => other.client === row.client && other.role === 'floor',
      )
      return (row.perRequest / floor.perRequest).toFixed(3)
    },
  })
  table('1,000 first requests at once', results.cold, {
    contender: (row) => row.name,
    'token requests': (row) => number(row.tokenRequests),
    'last response after ms': (row) => number(row.ms),
    failures: (row) => number(row.failures),
  })
  table('200 requests a second while tokens expire; a token request takes 100 ms', results.expiry, {
    contender: (row) => row.name,
    'lifetime of a token, s': (row) => number(row.lifetimeSeconds),
    requests: (row) => number(row.requests),
    'token requests': (row) => number(row.tokenRequests),
    failures: (row) => number(row.failures),
    'median ms': (row) => row.medianMs.toFixed(2),
    '99 % ms': (row) => row.p99Ms.toFixed(1),
    'slowest ms': (row) => row.slowestMs.toFixed(1),
  })
  table('50 callers at once, and a token that is revoked', results.revocation, {
    contender: (row) => row.name,
    '401 up to ms late': (row) => number(row.lateMs),
    failures: (row) => number(row.failures),
    'token requests': (row) => number(row.tokenRequests),
  })
  table('Many tokens', results.memory, {
    tokens: (row) => number(row.tokens),
    'bytes each, without the token': (row) => (row.tokens < 1000 ? '' : number(row.bytesPerToken)),
    'lookup ns': (row) => number(row.oursNs),
    'of lru-cache ns': (row) => number(row.lruNs),
  })
  table('Import time and size, over the bare client', results.weight, {
    contender: (row) => row.name,
    over: (row) => row.client ?? '',
    'import ms': (row) => row.importMs.toFixed(1),
    kB: (row) => number(row.kilobytes),
    packages: (row) => number(row.packages),
  })
}

function printFleet(/** @type {any} */ { processes, simulation }) {
  table('A fleet of processes with 20 cold callers each, by the cache that they share', processes, {
    processes: (row) => number(row.processes),
    cache: (row) => row.cache,
    'token requests': (row) => number(row.tokenRequests),
    'first token after ms, slowest': (row) => number(row.slowestMs),
    'calls of the cache a request, later': (row) => row.callsPerRequest.toFixed(3),
    failures: (row) => number(row.failures),
  })
  table('10,000 processes on a virtual clock, tokens of an hour', simulation, {
    'shared cache': (row) => (row.shared ? 'yes' : 'no'),
    jitter: (row) => (row.jitter ? 'yes' : 'no'),
    'token requests in 150 minutes': (row) =>
      number(row.tokenRequests.reduce((/** @type {number} */ sum, /** @type {number} */ count) => sum + count, 0)),
    'most in a minute': (row) => number(Math.max(...row.tokenRequests)),
    'most in a minute, after the first': (row) => number(Math.max(...row.tokenRequests.slice(1))),
  })
}

/** @param {Record<string, (row: any) => string>} columns */
function table(/** @type {string} */ title, /** @type {object[]} */ rows, columns) {
  if (rows.length === 0) return
  const cells = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((column) => column(row)))]
  const widths = Object.keys(columns).map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)))
  console.log(`\n${title}\n`)
  for (const line of cells) {
    console.log(
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    )
  }
}

function number(/** @type {number | undefined} */ value) {
  return value === undefined || value === null ? '' : Math.round(value).toLocaleString('en')
}

function ratio(/** @type {Quartiles} */ { low, median, high }) {
  if (median > 100) return Math.round(median).toLocaleString('en')
  return `${median.toFixed(3)}  (${low.toFixed(3)} to ${high.toFixed(3)})`
}
