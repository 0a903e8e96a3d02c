// In place of the pictures that the bench draws, which are for a white page: charts in the colours of the theme.
import { cpuChart, expiryChart, headerChart, weightChart } from './bench.js'
import { fleetChart } from './fleet.js'

/** By the name of the picture that each replaces. @type {Readonly<Record<string, () => string>>} */
const charts = { cpu: cpuChart, header: headerChart, expiry: expiryChart, weight: weightChart, fleet: fleetChart }

/** @param {string} name */
export function chart(name) {
  const draw = charts[name]
  if (draw === undefined) throw new Error(`no chart replaces ${name}.svg`)
  return draw()
}
