import { loadSecretMask } from '@mca-auth/core/adapter'
import type { ExitCode } from './exit-codes.js'

const SecretMask = await loadSecretMask()

/** Shown in place of a secret. */
export const hiddenSecret = '••••••••'

export type Status = 'good' | 'bad' | 'warning' | 'plain'

/** One line of the report, with advice about it. */
export interface Entry {
  readonly status: Status
  readonly label: string
  readonly text: string
  readonly note: string
  readonly advice: readonly string[]
}

interface Section {
  readonly title: string
  readonly entries: readonly Entry[]
}

/** The result of the examination. */
export interface Verdict {
  readonly status: Exclude<Status, 'plain'>
  readonly exitCode: ExitCode
  readonly text: string
  /** Why it fails, for scripts. */
  readonly code?: string | undefined
}

/** The whole report, without secrets. */
export interface Findings {
  readonly verdict: Verdict
  readonly sections: readonly Section[]
  /** Sentences about other things that the reader may want to know. */
  readonly hints: readonly string[]
}

/** Collects what the doctor finds. {@link findings} contains no secret, even one that was concealed only later. */
export class Report {
  readonly #masks: ((text: string) => string)[] = []
  readonly #sections: { title: string; entries: (Entry & { advice: string[] })[] }[] = []
  readonly #hints: string[] = []

  /** The number of warnings so far. */
  get warnings(): number {
    return this.#sections.flatMap(({ entries }) => entries).filter(({ status }) => status === 'warning').length
  }

  /** Hides this secret or token in every encoding, including as `id:secret`. */
  conceal(secret: string, clientId?: string): void {
    const mask = new SecretMask(clientId)
    mask.add(secret)
    this.#masks.push((text) => mask.mask(text))
  }

  /** Begins a section, to which the next lines belong. */
  heading(title: string): void {
    this.#sections.push({ title, entries: [] })
  }

  /** Adds a line. Its texts may be untrusted, but shorten them with {@link shortened}. */
  line(status: Status, label: string, text: string, note = ''): void {
    this.#sections.at(-1)?.entries.push({ status, label, text, note, advice: [] })
  }

  /** Advice about the line above. */
  advice(text: string): void {
    this.#sections.at(-1)?.entries.at(-1)?.advice.push(text)
  }

  /** A sentence at the end of the report. */
  hint(text: string): void {
    this.#hints.push(text)
  }

  /** Truncates a text. Hides secrets first, since half of one would not be recognised. */
  shortened(text: string, length = 200): string {
    const masked = this.#masked(text)
    return masked.length > length ? `${masked.slice(0, length - 1)}…` : masked
  }

  findings(verdict: Verdict): Findings {
    const masked = (text: string) => this.#masked(text)
    return {
      verdict: { ...verdict, text: masked(verdict.text) },
      sections: this.#sections.map(({ title, entries }) => ({
        title,
        entries: entries.map(({ status, label, text, note, advice }) => ({
          status,
          label: masked(label),
          text: masked(text),
          note: masked(note),
          advice: advice.map(masked),
        })),
      })),
      hints: this.#hints,
    }
  }

  #masked(text: string): string {
    return this.#masks.reduce((rest, mask) => mask(rest), text)
  }
}

/** A URL without user, password, query and fragment, which may contain secrets. */
export function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`
}
