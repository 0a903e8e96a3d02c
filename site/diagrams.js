// Mermaid diagrams, drawn when the site is built, in the colours of the theme: a page loads nothing to show them.
import { renderMermaidSVG } from 'beautiful-mermaid'
import { escaped } from './html.js'

let count = 0

/**
 * @param {string} code Mermaid.
 * @param {string} title What it shows.
 * @returns {string} A figure that scrolls inside itself if the screen is narrow.
 */
export function diagram(code, title) {
  count += 1
  const id = `diagram-${count}`
  const drawn = renderMermaidSVG(code, {
    bg: 'var(--vp-c-bg)',
    fg: 'var(--vp-c-text-1)',
    line: 'var(--diagram-line)',
    muted: 'var(--vp-c-text-2)',
    surface: 'var(--vp-c-bg-soft)',
    border: 'var(--diagram-border)',
    accent: 'var(--vp-c-brand-1)',
    font: 'inherit',
    padding: 8,
    transparent: true,
  })
  const width = Number(/ width="([\d.]+)"/.exec(drawn)?.[1])
  const svg = drawn
    // Its style sheet loads a font from another host; that of the theme has the rest.
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replaceAll(/(?<=id="|url\(#)(?=[\w-]+[")])/g, `${id}-`)
    .replace('<svg ', `<svg role="img" aria-labelledby="${id}-title" aria-describedby="${id}-steps" `)
    .replace(
      '>',
      `><title id="${id}-title">${escaped(title)}</title><desc id="${id}-steps">${escaped(steps(code))}</desc>`,
    )
    .replace(/ width="[\d.]+" height="[\d.]+"/, '')
    .replace('style="', `style="--diagram-width:${Math.ceil(width)}px;`)
  return `<figure class="diagram scrollable" tabindex="0" role="group" aria-label="Diagram: ${escaped(title)}">${svg}</figure>\n`
}

/** A sequence in words, for those that cannot see it. @param {string} code */
function steps(code) {
  const names = new Map(
    [...code.matchAll(/^\s*participant (\w+) as (.*)$/gm)].map(([, id = '', name = '']) => [id, name]),
  )
  const lines = code.split('\n').flatMap((line) => {
    const [, from = '', to = '', text = ''] = /^\s*(\w+)-+>+\+?(\w+): (.*)$/.exec(line) ?? []
    if (text !== '') return [`${names.get(from) ?? from} to ${names.get(to) ?? to}: ${text}.`]
    const [, note] = /^\s*Note [^:]*: (.*)$/.exec(line) ?? []
    return note === undefined ? [] : [`Note: ${note}.`]
  })
  return lines.length > 0 ? lines.join(' ') : code.split('\n').slice(1).join('. ').trim()
}
