// The search box of VitePress 1 says of itself that it is a button, and has links within options. Screen readers then read
// neither. This plugin of Vite corrects its template, and fails if a later version has another one.

/** @type {readonly (readonly [pattern: RegExp, replacement: string])[]} */
const corrections = [
  [
    /role="button"\s+:aria-owns="[^"]*"\s+aria-expanded="true"\s+aria-haspopup="listbox"/,
    'role="dialog" aria-modal="true"',
  ],
  [/:id="'localsearch-item-' \+ index"\s+:aria-selected="[^"]*"\s+role="option"/, 'role="presentation"'],
  [
    /:aria-label="\[\.\.\.p\.titles, p\.title\]\.join\(' > '\)"/,
    `role="option" :id="'localsearch-item-' + index" :aria-selected="selectedIndex === index ? 'true' : 'false'"`,
  ],
  [/<span class="title-icon">/, '<span class="title-icon" aria-hidden="true">'],
]

export const accessibleSearchBox = {
  name: 'accessible search box',
  enforce: /** @type {const} */ ('pre'),
  /** @param {string} code @param {string} id */
  transform(code, id) {
    if (!/VPLocalSearchBox\.vue$/.test(id)) return undefined
    return corrections.reduce((text, [pattern, replacement]) => {
      if (!pattern.test(text)) throw new Error(`the search box of VitePress has changed: ${pattern} is not in it`)
      return text.replace(pattern, replacement)
    }, code)
  },
}
