/** A text of which each unit knows the part of the original text that it stands for. */
export interface MappedText {
  readonly text: string
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

/** A part of the original text. */
export type Span = readonly [start: number, end: number]

const encodedParts =
  /(?:%[0-9a-f]{2})+|(?:\\x[0-9a-f]{2})+|\\u[0-9a-f]{4}|\\["'/\\bfnrt]|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});/gi
const controls: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const entities: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', plus: '+', sol: '/', equals: '=' },
  ...{ colon: ':', percnt: '%', lowbar: '_', hyphen: '-', period: '.', comma: ',', semi: ';', commat: '@', bsol: '\\' },
  ...{ excl: '!', num: '#', dollar: '$', ast: '*', quest: '?', hat: '^', grave: '`', lpar: '(', rpar: ')' },
  ...{ lsqb: '[', lbrack: '[', rsqb: ']', rbrack: ']', lcub: '{', lbrace: '{', rcub: '}', rbrace: '}' },
  ...{ vert: '|', verbar: '|', tab: '\t', newline: '\n' },
}
/** White space, invisible characters, and characters by which encodings differ: form and base64 (+ - _), hex (: -). */
const separators = /[\s+\-:\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Zs}]/u

export function mapped(text: string): MappedText {
  const starts = Array.from({ length: text.length }, (_, i) => i)
  return { text, starts, ends: starts.map((start) => start + 1) }
}

/**
 * Without one level of encoding: percent, HTML, and the escapes of JSON and of programming languages. `undefined` if nothing
 * is encoded.
 */
export function decoded(from: MappedText): MappedText | undefined {
  const to = new MappedTextBuilder(from)
  let end = 0
  for (const { 0: part, index } of from.text.matchAll(encodedParts)) {
    to.copy(end, index)
    if (/^(?:%|\\x)/i.test(part)) to.addBytes(part, index)
    else to.add(characterOf(part), index, index + part.length)
    end = index + part.length
  }
  if (end === 0) return undefined
  to.copy(end, from.text.length)
  return to.result
}

/** In lower case, and without separators, by which two encodings of the same secret may differ. */
export function condensed(from: MappedText): MappedText {
  const to = new MappedTextBuilder(from)
  for (let i = 0; i < from.text.length; i++) {
    const unit = from.text.charAt(i)
    const lower = unit.toLowerCase()
    if (!separators.test(unit)) to.add(unit === '_' ? '/' : lower.length === 1 ? lower : unit, i, i + 1)
  }
  return to.result
}

function characterOf(part: string): string {
  const [, prefix, body = ''] = /^(\\u|\\|&#x|&#|&)(.*?);?$/is.exec(part) ?? []
  switch (prefix?.toLowerCase()) {
    case '\\u':
      return String.fromCharCode(Number.parseInt(body, 16))
    case '\\':
      return controls[body] ?? body
    case '&#x':
      return fromCodePoint(Number.parseInt(body, 16), part)
    case '&#':
      return fromCodePoint(Number(body), part)
    default:
      // A letter such as é, if it is an entity at all.
      return entities[body.toLowerCase()] ?? '\ufffd'
  }
}

function fromCodePoint(code: number, otherwise: string): string {
  return code <= 0x10_ffff ? String.fromCodePoint(code) : otherwise
}

/** Builds a text from parts of another one. */
class MappedTextBuilder {
  readonly #from: MappedText
  readonly #parts: string[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  constructor(from: MappedText) {
    this.#from = from
  }

  get result(): MappedText {
    return { text: this.#parts.join(''), starts: this.#starts, ends: this.#ends }
  }

  copy(start: number, end: number): void {
    for (let i = start; i < end; i++) this.add(this.#from.text.charAt(i), i, i + 1)
  }

  /** Adds a text that stands for the units from `start` to `end`. */
  add(text: string, start: number, end: number): void {
    this.#parts.push(text)
    for (let i = 0; i < text.length; i++) {
      this.#starts.push(this.#from.starts[start] as number)
      this.#ends.push(this.#from.ends[end - 1] as number)
    }
  }

  /** Adds a sequence of encoded bytes, `%c3%a9` or `\xc3\xa9`: UTF-8, or else Latin 1. */
  addBytes(part: string, index: number): void {
    const width = part.startsWith('%') ? 3 : 4
    const bytes = Buffer.from(part.replaceAll(/[%\\x]/gi, ''), 'hex')
    for (let i = 0; i < bytes.length; ) {
      const length = sequenceLength(bytes[i] as number)
      const text = bytes.toString('utf8', i, i + length)
      const isValid = length > 1 && bytes.subarray(i, i + length).equals(Buffer.from(text))
      const used = isValid ? length : 1
      this.add(isValid ? text : String.fromCharCode(bytes[i] as number), index + i * width, index + (i + used) * width)
      i += used
    }
  }
}

/** The length of a character of UTF-8 that begins with this byte. */
function sequenceLength(byte: number): number {
  if (byte >= 0xf0) return 4
  if (byte >= 0xe0) return 3
  return byte >= 0xc0 ? 2 : 1
}
