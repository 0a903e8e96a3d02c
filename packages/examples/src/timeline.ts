import { paint } from './screen.js'

/** The events of tokens during a run. */
export type Mark = 'renewed' | 'revoked'

export const marks: Readonly<Record<Mark, string>> = {
  renewed: paint('green', '●'),
  revoked: paint('red', '✕'),
}

/** A bar that fills from left to right, with a mark for each event. */
export class Timeline {
  readonly #marks: { readonly progress: number; readonly mark: Mark }[] = []

  add(progress: number, mark: Mark): void {
    this.#marks.push({ progress, mark })
  }

  count(mark: Mark): number {
    return this.#marks.filter((one) => one.mark === mark).length
  }

  draw(width: number, progress: number): string {
    const full = Math.round(progress * width)
    const cells = Array.from({ length: width }, (_, i) => (i < full ? '━' : paint('dim', '─')))
    const taken = new Set<number>()
    for (const { progress: at, mark } of this.#marks) {
      let cell = Math.min(Math.floor(at * width), width - 1)
      // Marks that would overlap are placed side by side, in order.
      while (taken.has(cell) && cell < width - 1) cell++
      taken.add(cell)
      cells[cell] = marks[mark]
    }
    return cells.join('')
  }
}
