// How Markdown of the repository becomes HTML of the site: links, tables, diagrams and charts.
import { chart } from './charts/charts.js'
import { diagram } from './diagrams.js'
import { escaped } from './html.js'
import { linkTarget, sources } from './pages.js'

/** @typedef {import('vitepress').MarkdownRenderer} MarkdownRenderer */
/** @typedef {Parameters<NonNullable<MarkdownRenderer['renderer']['rules']['fence']>>} RuleArguments */
/** @typedef {RuleArguments[0][number]} Token */

/** @param {string} relativePath Of the page in the site. */
const sourceOf = (relativePath) => sources.get(relativePath.replace(/\.md$/, ''))

/** @param {MarkdownRenderer} md */
export function extend(md) {
  md.core.ruler.push('links of the repository', ({ tokens, env }) => {
    const source = sourceOf(env.relativePath)
    if (source === undefined) return
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' && token.attrGet('href')
      if (href) token.attrSet('href', linkTarget(source, href))
    }
  })

  md.core.ruler.push('widths of columns', ({ tokens }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type === 'code_inline' && token.content.length <= 20) token.attrJoin('class', 'short')
    }
    for (const [index, { type }] of tokens.entries()) {
      if (type !== 'table_open') continue
      const heads = tokens.slice(index).filter((token) => token.type === 'th_open')
      for (const [column, length] of longestCells(tokens, index).entries()) heads[column]?.attrJoin('class', length)
      labelCells(tokens, index)
    }
  })

  md.core.ruler.push('charts of the bench', (state) => {
    state.tokens = state.tokens.flatMap((token, index, tokens) => {
      const names = chartsIn(token)
      if (names.length > 0) return [htmlBlock(state, names.map(chart).join(''))]
      const isAround = [tokens[index - 1], tokens[index + 1]].some(
        (one) => one !== undefined && chartsIn(one).length > 0,
      )
      return isAround && token.type.startsWith('paragraph_') ? [] : [token]
    })
  })

  const fence = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const { info = '', content = '' } = tokens[index] ?? {}
    if (info.trim() === 'mermaid') return diagram(content, headingBefore(tokens, index))
    return fence?.(tokens, index, options, env, self) ?? ''
  }

  md.renderer.rules.table_open = (tokens, index) => {
    const label = escaped(`Table: ${headingBefore(tokens, index)}`)
    const kind = isStacked(longestCells(tokens, index)) ? 'table stacked' : 'table'
    return `<div class="${kind} scrollable" tabindex="0" role="group" aria-label="${label}"><table>\n`
  }
  md.renderer.rules.table_close = () => '</table></div>\n'
}

/**
 * Whether the rows of a table become paragraphs on a phone, which has no room for sentences in three columns.
 *
 * @param {readonly ('short' | 'medium' | 'long')[]} columns
 */
function isStacked(columns) {
  return columns.length > 2 && columns.slice(1).some((length) => length !== 'short')
}

/** Gives each cell the head of its column, which a stacked row shows. @param {readonly Token[]} tokens @param {number} index */
function labelCells(tokens, index) {
  const heads = /** @type {string[]} */ ([])
  let column = 0
  for (const [i, token] of tokens.slice(index, endOfTable(tokens, index)).entries()) {
    if (token.type === 'tr_open') column = 0
    if (token.type === 'th_open') heads.push(textOf(tokens[index + i + 1]?.children ?? []))
    if (token.type === 'td_open') {
      token.attrSet('data-head', heads[column] ?? '')
      column += 1
    }
  }
}

/** @param {readonly Token[]} tokens @param {number} index Of its start. */
function endOfTable(tokens, index) {
  return tokens.findIndex(({ type }, i) => i > index && type === 'table_close')
}

/**
 * How long the longest cell of each column is: a column of sentences needs some width.
 *
 * @param {readonly Token[]} tokens
 * @param {number} index Of the table.
 * @returns {('short' | 'medium' | 'long')[]}
 */
function longestCells(tokens, index) {
  const longest = /** @type {number[]} */ ([])
  let column = 0
  for (const { type, children } of tokens.slice(index, endOfTable(tokens, index))) {
    if (type === 'tr_open') column = 0
    if (type !== 'inline') continue
    const length = textOf(children ?? []).length
    longest[column] = Math.max(longest[column] ?? 0, length)
    column += 1
  }
  return longest.map((length) => (length > 80 ? 'long' : length > 30 ? 'medium' : 'short'))
}

/** The pictures of the bench in a paragraph that has nothing else. @param {Token} token @returns {string[]} */
function chartsIn({ type, children }) {
  if (type !== 'inline' || children === null || children.some((child) => !/^(image|softbreak)$/.test(child.type)))
    return []
  const sources = children.flatMap((child) => child.attrGet('src') ?? [])
  return sources.flatMap((source) => /(?:^|bench\/)results\/(\w+)\.svg$/.exec(source)?.slice(1) ?? [])
}

/** @param {{ Token: new (type: string, tag: string, nesting: 0) => Token }} state @param {string} content */
function htmlBlock({ Token }, content) {
  return Object.assign(new Token('html_block', '', 0), { content, block: true })
}

/** The text of the heading above. @param {readonly Token[]} tokens @param {number} index */
function headingBefore(tokens, index) {
  const open = tokens.slice(0, index).findLastIndex(({ type }) => type === 'heading_open')
  const inline = tokens[open + 1]?.children ?? []
  return textOf(inline).trim()
}

/** @param {readonly Token[]} inline */
function textOf(inline) {
  return inline
    .filter(({ type }) => type === 'text' || type === 'code_inline')
    .map(({ content }) => content)
    .join('')
}

/** For the search: the text of a page, without that of pictures. @param {string} html */
export function withoutPictures(html) {
  return html.replaceAll(/<figure[\s\S]*?<\/figure>/g, '')
}
