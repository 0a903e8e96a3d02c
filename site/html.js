/** Text that is safe in HTML, and in a template of Vue. @param {string} text */
export function escaped(text) {
  return text.replaceAll(/[&<>"{}]/g, (character) => `&#${character.codePointAt(0)};`)
}
