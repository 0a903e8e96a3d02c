// A page of the reference, from what the Markdown plugin of TypeDoc writes: fewer headings, fewer lines for each member.
import { slug } from './anchors.js'

/** Headings that say what follows, for which no reader searches. */
const labels = new Set([
  'Constructors',
  'Methods',
  'Properties',
  'Accessors',
  'Parameters',
  'Returns',
  'Throws',
  'Indexable',
  'Type Declaration',
  'Get Signature',
  'Set Signature',
  'Call Signature',
  'Type Parameters',
  'Example',
  'Default',
  'Param',
  'Remarks',
  'See',
  'Deprecated',
])
/** Sections that say nothing to a reader. */
const dropped = new Set(['Implementation of', 'Overrides', 'Inherited from', 'Implements', 'Extends', 'Extended by'])
/** Labels of what is obvious from the code beneath. */
const unlabelled = new Set([
  'Constructors',
  'Methods',
  'Properties',
  'Accessors',
  'Example',
  'Type Declaration',
  'Get Signature',
  'Set Signature',
  'Call Signature',
  'Indexable',
])

const titles = new Map([
  ['Type Aliases', 'Types'],
  ['References', 'Also exported'],
])

/** @typedef {{ level: number, text: string, id: string, body: string[] }} Section */

/** @param {string} markdown */
export function referencePage(markdown) {
  const sections = sectionsOf(markdown).filter(({ text }) => !dropped.has(text))
  const taken = new Set(sections.map(({ id }) => id))
  const used = /** @type {Set<string>} */ (new Set())
  return sections
    .map((section) => written({ ...section, id: uniqueId(section, taken, used) }))
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
}

/**
 * The anchor that links lead to. Members of literals have none, or that of another member.
 *
 * @param {Section} section
 * @param {Set<string>} taken The anchors of the plugin.
 * @param {Set<string>} used Those of the sections so far.
 */
function uniqueId({ id, text }, taken, used) {
  let unique = id
  for (let count = 1; unique === '' || used.has(unique); count += 1) {
    const candidate = `${slug(text)}-of-${count}`
    if (!taken.has(candidate)) unique = candidate
  }
  used.add(unique)
  return unique
}

/** The headings, with their anchors, and what is beneath them. @param {string} markdown */
function sectionsOf(markdown) {
  const sections = /** @type {Section[]} */ ([])
  let inCode = false
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) inCode = !inCode
    const [, marks = '', text = '', id = ''] = (!inCode && /^(#+) (.*?)(?: \{#(.*)\})?$/.exec(line)) || []
    if (marks !== '') sections.push({ level: marks.length, text, id, body: [] })
    else if (line !== '***') sections.at(-1)?.body.push(line)
  }
  return sections
}

/** @param {Section} section */
function written({ level, text, id, body }) {
  const source = body.findIndex((line) => line.startsWith('Defined in: '))
  const [, link] = /\((.*)\)/.exec(body[source] ?? '') ?? []
  let content = body
    .filter((_, i) => i !== source)
    .join('\n')
    .trim()
  content = content.replaceAll(/^(\|.*)\| - \|$/gm, '$1|  |')
  if (labels.has(text) && level > 3) return `${labelled(text, content)}\n`
  // Members are two levels below what they belong to, because of the labels between them.
  const depth = level > 3 ? Math.ceil((level + 3) / 2) : level
  const from = link !== undefined && level === 3 ? `\n[source](${link}){.source}\n` : ''
  return `${'#'.repeat(depth)} ${titles.get(text) ?? text} {#${id}}\n\n${content}\n${from}`
}

/** @param {string} label @param {string} content */
function labelled(label, content) {
  const [, value] = /^```ts\n(.*)\n```$/.exec(content) ?? []
  if (label === 'Default') return `Default: ${value === undefined ? content : `\`${value}\``}`
  if (unlabelled.has(label)) return content
  const isLine = !/\n|^\|/.test(content)
  return isLine ? `${label}: ${content.replace(/^- /, '')}` : `**${label}**\n\n${content}`
}
