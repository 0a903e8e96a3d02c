import { styleText } from 'node:util'
import { loadSecretMask } from '@mca-auth/core/adapter'
import { printable } from './printable.js'

const SecretMask = await loadSecretMask()

const marks = { good: ['green', '✓'], bad: ['red', '✗'], warning: ['yellow', '!'], plain: ['dim', '·'] } as const
const redacted = '[redacted]'

/** Shown in place of a secret. */
export const hiddenSecret = '••••••••'

/** The output of the doctor: in colour on a terminal, plain in a pipe, and never with a secret. */
export class Report {
  readonly #masks: ((text: string) => string)[] = []
  #warnings = 0

  /** The number of warnings so far. */
  get warnings(): number {
    return this.#warnings
  }

  /** From now on, hides this secret in every encoding, including as `id:secret`. */
  conceal(secret: string, clientId?: string): void {
    const mask = new SecretMask(clientId)
    mask.add(secret)
    this.#masks.push((text) => mask.mask(text))
  }

  /** From now on, hides this token. It may be too long for the patterns of {@link conceal}. */
  concealToken(token: string): void {
    const bytes = Buffer.from(token)
    const encodings = (['base64', 'base64url', 'hex'] as const).map((encoding) => bytes.toString(encoding))
    const forms = [token, encodeURIComponent(token), JSON.stringify(token).slice(1, -1), ...encodings]
    this.#masks.push((text) => forms.reduce((rest, form) => rest.replaceAll(form, redacted), text))
  }

  heading(text: string): void {
    process.stdout.write(`\n${styleText('bold', text)}\n`)
  }

  /** Hides secrets in `text` and `note`, which may be untrusted. An untrusted label must be `shortened()` first. */
  line(mark: keyof typeof marks, label: string, text: string, note = ''): void {
    if (mark === 'warning') this.#warnings++
    const [colour, sign] = marks[mark]
    const end = note === '' ? '' : `  ${styleText('dim', printable(this.#masked(note)))}`
    const name = printable(label).padEnd(20)
    process.stdout.write(`  ${styleText(colour, sign)} ${name} ${printable(this.#masked(text))}${end}\n`)
  }

  /** Advice about the line above. */
  advice(text: string): void {
    process.stdout.write(`    ${styleText('cyan', '→')} ${printable(text)}\n`)
  }

  /** Truncates a text. Hides secrets first, since half of one would not be recognised. */
  shortened(text: string, length = 200): string {
    const masked = this.#masked(text)
    return masked.length > length ? `${masked.slice(0, length - 1)}…` : masked
  }

  #masked(text: string): string {
    return this.#masks.reduce((rest, mask) => mask(rest), text)
  }
}

/** A URL without user, password, query and fragment, which may contain secrets. */
export function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`
}
