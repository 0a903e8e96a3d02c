// Checks of values that a caller gives. Every failure is a TypeError that names the option and the expected value, and
// never shows the actual value: it may be a secret.
import { parseUrl } from './origin.js'

/** A check for each option, which throws a TypeError. An option that is left out is not checked. */
export type Checks<Options> = { readonly [name in keyof Required<Options>]: (name: string, value: unknown) => void }

export function nonEmptyString(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value.trim() === '') throw expected(name, 'a non-empty string', value)
}

export function positiveInteger(name: string, value: unknown): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) throw expected(name, 'a positive integer', value)
}

/** Milliseconds, at most the limit of Node's timers. */
export function duration(name: string, value: unknown, least: number): asserts value is number {
  if (typeof value !== 'number' || !(value >= least && value <= 0x7fff_ffff)) {
    throw expected(name, `a number of milliseconds, at least ${least}`, value)
  }
}

export function boolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw expected(name, 'a boolean', value)
}

export function callable(name: string, value: unknown): void {
  if (typeof value !== 'function') throw expected(name, 'a function', value)
}

/** An object whose fields can be read: not a `Map` or `URLSearchParams`, and not a promise of an object that was not awaited. */
export function record(what: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} must be an object`)
  }
  if (Object.keys(value).length === 0 && !isPlain(value)) throw new TypeError(`${what} must be a plain object`)
}

/** Whether it is a literal or something like it, of any realm. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A non-empty string or a list of them, as a list. */
export function list(name: string, value: unknown): string[] {
  if (value === undefined) return []
  const entries = Array.isArray(value) ? value : [value]
  for (const entry of entries) nonEmptyString(name, entry)
  return entries
}

/** Keys of at least 32 bytes each. */
export function sealingKeys(name: string, value: unknown): void {
  const isLong = (key: unknown) =>
    (typeof key === 'string' || key instanceof Uint8Array) && Buffer.byteLength(key) >= 32
  if (Array.isArray(value) && value.length > 0 && value.every(isLong)) return
  throw new TypeError(`\`${name}\` must be a list of strings or Uint8Arrays of at least 32 bytes each`)
}

/** An absolute http or https URL without userinfo. Spaces around it are allowed, as in the published module. */
export function httpUrl(name: string, value: unknown): URL {
  nonEmptyString(name, value)
  const url = parseUrl(value.trim())
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new TypeError(`\`${name}\` must be an absolute http(s) URL without user or password`)
  }
  return url
}

/** @throws TypeError for a field that has no check or fails it. A field that is `undefined` counts as left out. */
export function checkFields<Options extends object>(
  kind: string,
  options: object,
  checks: Checks<Options>,
): asserts options is Options {
  const names = Object.keys(checks) as (keyof Options & string)[]
  rejectUnknownKeys(kind, options, names)
  for (const name of names) {
    const value = (options as Options)[name]
    if (value !== undefined) checks[name](name, value)
  }
}

export function rejectUnknownKeys(kind: string, value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const nearest = nearestName(key, known)
    const hint = nearest === undefined ? '; known' : `: did you mean \`${nearest}\`? Known`
    throw new TypeError(`unknown ${kind} \`${key}\`${hint} are: ${known.join(', ')}`)
  }
}

/** The known name that was probably meant: at most a third of its letters differ, or the given name ends with it. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const meant = name.toLowerCase()
  const byDistance = known.map((candidate) => [distance(meant, candidate.toLowerCase()), candidate] as const)
  const [least, nearest] = byDistance.sort(([a], [b]) => a - b)[0] ?? [Number.POSITIVE_INFINITY]
  if (least <= Math.floor(name.length / 3)) return nearest
  return known.find((candidate) => meant.endsWith(candidate.toLowerCase()))
}

/** The number of letters to insert, delete, replace, or swap with the next one (optimal string alignment distance). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let row = 1; row <= a.length; row++) {
    const next = [row]
    for (let i = 1; i <= b.length; i++) {
      const isSame = a[row - 1] === b[i - 1]
      const isSwapped = !isSame && row > 1 && a[row - 1] === b[i - 2] && a[row - 2] === b[i - 1]
      const changed = Math.min(at(last, i) + 1, at(next, i - 1) + 1, at(last, i - 1) + (isSame ? 0 : 1))
      next.push(isSwapped ? Math.min(changed, at(beforeLast, i - 2) + 1) : changed)
    }
    ;[beforeLast, last] = [last, next]
  }
  return at(last, b.length)
}

function at(numbers: readonly number[], index: number): number {
  return numbers[index] ?? Number.POSITIVE_INFINITY
}

function expected(name: string, what: string, value: unknown): TypeError {
  const got = value === null ? 'null' : typeof value
  return new TypeError(`\`${name}\` must be ${what}${what.split(/\W/).includes(got) ? '' : `, got ${got}`}`)
}
