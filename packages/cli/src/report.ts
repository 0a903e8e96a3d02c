import { styleText } from 'node:util'

const marks = { good: ['green', '✓'], bad: ['red', '✗'], odd: ['yellow', '!'], plain: ['dim', '·'] } as const

/** What a secret is shown as. */
export const dots = '••••••••'

/** What the doctor says: in colour on a terminal, plain in a pipe, and never a secret. */
export class Report {
  readonly #secrets: string[] = []
  #oddities = 0

  /** How many lines so far told of something odd. */
  get oddities(): number {
    return this.#oddities
  }

  /** Shows this secret as dots from now on, whoever repeats it. One shorter than any real one would hide other words. */
  conceal(secret: string): void {
    if (secret.length >= 8) this.#secrets.push(secret)
  }

  heading(text: string): void {
    process.stdout.write(`\n${styleText('bold', text)}\n`)
  }

  line(mark: keyof typeof marks, label: string, text: string, note = ''): void {
    if (mark === 'odd') this.#oddities++
    const [colour, sign] = marks[mark]
    const end = note === '' ? '' : `  ${styleText('dim', this.#safe(note))}`
    process.stdout.write(`  ${styleText(colour, sign)} ${this.#safe(label).padEnd(20)} ${this.#safe(text)}${end}\n`)
  }

  /** What to do about the line above. */
  advice(text: string): void {
    process.stdout.write(`    ${styleText('cyan', '→')} ${this.#safe(text)}\n`)
  }

  /** Without secrets, and without what a terminal takes for a command. */
  #safe(text: string): string {
    const shown = this.#secrets.reduce((rest, secret) => rest.replaceAll(secret, dots), text)
    return shown.replaceAll(/\p{C}/gu, '�')
  }
}
