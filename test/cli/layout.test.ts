import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Findings } from '../../packages/cli/src/report.ts'
import { reportText } from '../../packages/cli/src/report-text.ts'
import { displayWidth, wrapped } from '../../packages/cli/src/text-layout.ts'

describe('a line that is too long', () => {
  it.each<[string, string, number, string[]]>([
    ['is broken at spaces', 'one two three', 8, ['one two', 'three']],
    ['keeps the spaces within a line', 'a  b   cc', 6, ['a  b', 'cc']],
    ['does not break a URL', 'see https://a.example.com/b now', 10, ['see', 'https://a.example.com/b', 'now']],
    [
      'does not break a command',
      'with `mca-auth doctor --url URL` now',
      12,
      ['with', '`mca-auth doctor --url URL`', 'now'],
    ],
    ['does not break an option from its value', 'or try --client-auth none', 18, ['or try', '--client-auth none']],
    ['is broken between ideographs, of two columns each', '日本語テスト', 6, ['日本語', 'テスト']],
  ])('%s', (_what, text, columns, lines) => {
    expect(wrapped(text, columns)).toEqual(lines)
  })
})

it.each([
  ['a', 1],
  ['日本', 4],
  ['ｱ', 1],
  ['Ａ', 2],
  ['e\u0301', 1],
  ['한글', 4],
  ['😀', 2],
])('%s needs as many columns as on a terminal: %i', (text, columns) => {
  expect(displayWidth(text)).toBe(columns)
})

const entry = (label: string, text: string, note = '', advice: string[] = []) =>
  ({ status: 'good', label, text, note, advice }) as const
const findings: Findings = {
  verdict: { status: 'bad', exitCode: 4, text: 'The token endpoint denied the request', code: 'TOKEN_REQUEST_REFUSED' },
  sections: [
    { title: 'Empty', entries: [] },
    {
      title: 'Credentials',
      entries: [
        entry('日本', 'orders', 'from VCAP_SERVICES, instance App ID-yn'),
        entry('server', `https://${'long.'.repeat(12)}example.com/token`, 'from the options'),
        entry('a claim with a name that is longer than the column', 'its value', '', [
          'remove it, or `do what this says`',
        ]),
        entry('', 'more'),
      ],
    },
  ],
  hints: ['see also this'],
}
const at = (columns: number) =>
  stripVTControlCharacters(reportText(findings, { isTTY: true, columns } as NodeJS.WriteStream))

describe('the report', () => {
  it('begins with the verdict, aligns the texts of a section, and leaves out an empty one', () => {
    expect(at(100)).toBe(`✗ The token endpoint denied the request

Credentials
  ✓ 日本    orders  from VCAP_SERVICES, instance App ID-yn
  ✓ server  https://${'long.'.repeat(12)}example.com/token
            from the options
  ✓ a claim with a name that is longer than the column  its value
    → remove it, or \`do what this says\`
  ✓         more

→ see also this
`)
  })

  it('puts what does not fit next to its label below it on a narrow terminal', () => {
    expect(at(40)).toBe(`✗ The token endpoint denied the request

Credentials
  ✓ 日本  orders
      from VCAP_SERVICES, instance App
      ID-yn
  ✓ server
      https://${'long.'.repeat(12)}example.com/token
      from the options
  ✓ a claim with a name that is longer than the column
      its value
    → remove it, or \`do what this says\`
  ✓   more

→ see also this
`)
  })
})
