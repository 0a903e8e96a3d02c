/** @typedef {{ low: number, median: number, high: number }} Quartiles */

/** @returns {Quartiles} */
export function quartiles(/** @type {readonly number[]} */ values) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (/** @type {number} */ part) => {
    const place = (sorted.length - 1) * part
    const below = sorted[Math.floor(place)] ?? Number.NaN
    const above = sorted[Math.ceil(place)] ?? Number.NaN
    return below + (above - below) * (place - Math.floor(place))
  }
  return { low: at(0.25), median: at(0.5), high: at(0.75) }
}

export const median = (/** @type {readonly number[]} */ values) => quartiles(values).median

/**
 * The ratio of each contender to the first, slice by slice of the same round, so that other load on the machine affects both.
 *
 * @param {readonly (readonly number[])[]} rounds one figure per contender in each
 */
export function pairedRatios(rounds) {
  const [first = []] = rounds
  return first.map((_, contender) =>
    quartiles(rounds.map((figures) => (figures[contender] ?? Number.NaN) / (figures[0] ?? Number.NaN))),
  )
}
