/**
 * Everything but plain spaces that a terminal does not show as is: control characters, line separators, bidirectional
 * controls, zero-width and other invisible characters, unusual spaces, lone surrogates.
 */
const invisible = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu

/**
 * The text with each such character escaped, as in `\u200b`: it cannot control the terminal or reorder a line, and a
 * zero-width space that was pasted into a client id becomes visible. JSON stays the same JSON, unless it is indented.
 */
export function printable(text: string): string {
  return text.replaceAll(invisible, (character) =>
    Array.from({ length: character.length }, (_, unit) => escaped(character.charCodeAt(unit))).join(''),
  )
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}
