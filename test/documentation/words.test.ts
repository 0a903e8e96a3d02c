// The pages keep to the words of the glossary in CONTRIBUTING.md, and to plain ones.
import { expect, it } from 'vitest'
import { read } from '../repository.ts'
import { pages } from './code-blocks.ts'

/** What reads oddly, and what to write instead. */
const instead: Readonly<Record<string, RegExp>> = {
  'fix, correct': /\bmend(s|ed|ing)?\b/,
  'honour, follow': /\bheed(s|ed|ing)?\b/,
  'happen to': /\bbefall/,
  'next to, in addition to': /\bbeside\b/,
  'decide, evaluate': /\bjudg(e|es|ed|ing)\b/,
  extend: /\bprolong/,
  again: /\bonce more\b|\banew\b/,
  forever: /\bfor ever\b/,
  lookup: /\blook-ups?\b/,
  cannot: /\bcan not\b/,
  'resent, resend': /\breplay(s|ed|ing)? (the|a|your) request/,
  'is not a': /\b(is|are|was) no (retry|response|error|outage|token request|JSON|URL|text)\b/,
  'request a token': /\b(ask|fetch|obtain|renew)(s|ed|ing)? (for )?a(n access)? token\b/,
  'if, when': /\bwhere (no|there)\b|\bwhere it (can|has)\b/,
  'in the background': /\bbehind (the|its|their) callers\b/,
}

it.each(Object.entries(instead))('the pages write "%s", and no odd word for it', (words, odd) => {
  const found = pages.flatMap((page) =>
    prose(page).flatMap((line, i) => (odd.test(line) ? [`${page}:${i + 1}: write "${words}": ${line.trim()}`] : [])),
  )
  expect(found).toEqual([])
})

/** Its lines, without code. */
function prose(page: string): string[] {
  const text = read(page).replaceAll(/^```.*?^```$/gms, (block) => block.replaceAll(/.+/g, ''))
  return text.replaceAll(/`[^`\n]*`/g, '').split('\n')
}
