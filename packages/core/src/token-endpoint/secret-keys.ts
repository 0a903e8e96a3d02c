import { formEncode } from '../credentials/client-authentication.js'
import { condensed, decoded, type MappedText, mapped, type Span } from './mapped-text.js'

/** A shorter secret is masked only as a whole word: masked within words, it would make a text unreadable. */
const shortLength = 6
/** A longer key is also found by its beginning, since a server may truncate what it quotes. */
const beginningLength = 100
const base64Characters = /[\w+/-]/
/** The end of base64, maybe encoded, maybe on the next line. */
const padding = /^(?:(?:[\p{Cc}\p{Cf}\p{Zl}\p{Zp}][\p{Cc}\p{Cf}\p{Zl}\p{Zp} ]*)?(?:=|%(?:25)*3d|\\+u003d|&#61;)){1,2}/iu
const maxPaddingLength = 40

/** A form of a secret to look for. */
export interface SecretKey {
  readonly text: string
  /** Whether to look for it as is, or without separators and in lower case. */
  readonly isExact: boolean
  readonly isBase64?: boolean
}

/** The forms of a secret that decoding a text does not reveal. */
export function keysOf(secret: string, id: string): SecretKey[] {
  const encoded = [...new Set([secret, formEncode(secret), encodeURIComponent(wellFormed(secret))])]
  const pairs = [`${id}:${secret}`, `${formEncode(id)}:${formEncode(secret)}`].map((pair) => base64Of(bytesOf(pair)))
  const base64 = [...pairs, ...encoded.flatMap(base64Cores)]
  const loose = [...variantsOf(secret), ...encoded.map((text) => bytesOf(text).toString('hex'))]
  return [
    { text: secret, isExact: true },
    ...(secret.length < shortLength ? [] : loose).map((text) => ({ text: condensedText(text), isExact: false })),
    ...base64.map((text) => ({ text: condensedText(text), isExact: false, isBase64: true })),
  ].filter(({ text, isExact }) => isExact || text.length >= shortLength)
}

/** The parts of the original text that contain this form of a secret. */
export function spansOf(
  { text: key, isExact, isBase64 = false }: SecretKey,
  layer: MappedText,
  original: string,
): Span[] {
  const spans: Span[] = []
  const beginning = isExact ? key : key.slice(0, beginningLength)
  for (let at = layer.text.indexOf(beginning); at !== -1; at = layer.text.indexOf(beginning, at + 1)) {
    if (isExact && key.length < shortLength && !isWord(layer, at, key.length)) continue
    let length = beginning.length
    while (length < key.length && layer.text.charAt(at + length) === key.charAt(length)) length++
    const [start, end] = [layer.starts[at] as number, layer.ends[at + length - 1] as number]
    const last = length < key.length ? end + (/^\S*/.exec(original.slice(end))?.[0].length ?? 0) : end
    spans.push(isBase64 ? widened(original, start, last) : [start, last])
    at = at + length - 1
  }
  return spans
}

/** The secret as is, decoded by the server, and with characters that some encoding lacks. */
function variantsOf(secret: string): string[] {
  const variants = [secret]
  for (let layer = decoded(mapped(secret)); layer !== undefined && variants.length < 3; layer = decoded(layer)) {
    variants.push(layer.text)
  }
  if (!/^[\0-\x7f]*$/.test(secret)) {
    const replaced = ['?', '\ufffd'].map((mark) => secret.replaceAll(/[^\0-\x7f]/gu, mark))
    variants.push(secret.normalize('NFC'), secret.normalize('NFD'), bytesOf(secret).toString('latin1'), ...replaced)
  }
  return variants
}

/**
 * The part of each base64 text containing `text` that depends on `text` alone. It may begin at each of three positions within
 * a group of three bytes.
 */
function base64Cores(text: string): string[] {
  return [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), bytesOf(text)])
    return base64Of(bytes).slice(Math.ceil((before * 4) / 3), Math.floor((bytes.length * 4) / 3))
  })
}

/** With the neighbours that share bits with the secret, and the padding. */
function widened(original: string, start: number, end: number): Span {
  let [first, last] = [start, end]
  while (first > 0 && start - first < 2 && base64Characters.test(original.charAt(first - 1))) first--
  while (last < original.length && last - end < 2 && base64Characters.test(original.charAt(last))) last++
  const rest = original.slice(last, last + maxPaddingLength)
  return [first, last + (padding.exec(rest)?.[0].length ?? 0)]
}

function isWord({ text }: MappedText, at: number, length: number): boolean {
  const neighbours = [text.charAt(at - 1), text.charAt(at + length)]
  return !neighbours.some((unit) => /[\p{L}\p{N}]/u.test(unit))
}

function condensedText(text: string): string {
  return condensed(mapped(text)).text
}

function base64Of(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

/** Without lone surrogates, which cannot be percent-encoded. */
function wellFormed(text: string): string {
  return bytesOf(text).toString('utf8')
}
