// Holds the glossary, and finds the habits for which a native engineer would read a sentence twice.
// If a pattern finds a good sentence, improve the pattern; `exempt` is for text that is not ours.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { read } from './repository.ts'

/**
 * A pattern, what to write instead, and an example of what the pattern must find. A space also stands for a line break
 * within a comment. A pattern with a capital letter distinguishes upper and lower case.
 */
type Rule = readonly [pattern: string, instead: string, example: string]

const be = '(?:is|are|was|were)'
const aToken = '(?:(?:an?|the|its|their|another|new|fresh|access) )*tokens?\\b'

const rules: readonly Rule[] = [
  // "where" for "if" and "when": at the start of a sentence, after a conjunction, and before a negation.
  ['(?<=^|[.:;(] |/\\*\\* |// )Where\\b[^.?:;|`]*,', 'if, when', 'Where it fails, you get the 401.'],
  ['(?:also|even|only|just|except|but|or) where\\b', 'if, when', 'It is left out, also where it is empty.'],
  [
    'where (?:no|none|nothing|nobody|neither|needed|possible|necessary|there|it (?:can|has))\\b',
    'if, when',
    'It fails where no token is due.',
  ],
  [
    `where (?:it|they|one|this|that|an? \\w+|the \\w+) ${be} (?:not|no|none|missing|given|left out)\\b`,
    'if, when',
    'the global fetch where it is left out',
  ],
  ['(?:undefined`?|empty|throws|rejects|fails) where\\b', 'if, when', '`undefined` where the request succeeds'],
  // Comments that begin with a clause instead of a noun.
  [
    '(?<=/\\*\\* |// )(?:What|Whatever|Who|Whose|Whoever|That of|Those of|Those who|Of)\\b(?! to\\b)(?![^/*\\n]*\\?)',
    'a noun, as in "The value that …", "The status of …"',
    '/** What the resource accepted. */',
  ],
  ['those who\\b', 'callers that …, the waiting …', 'It gives those who wait the old token.'],
  ['who(?:m|so)?ever\\b', 'the caller that …, any process that …', 'It is a new request for whoever starts it.'],
  // Negated nouns.
  ['[Nn]obody\\b', 'no caller, no process; or negate the verb', 'Nobody waits for it.'],
  [
    `(?<!\\bthere )\\b${be} no (?!longer\\b|more\\b|less\\b|fewer\\b|better\\b|worse\\b)[a-z]`,
    'is not a',
    'That is no outage.',
  ],
  // "is to" for "should" and "must".
  [`${be} (?:not )?to (?:be|win|have|carry|come|fail|stay|go|get|send)\\b`, 'should, must', 'The first one is to win.'],
  ['to be had\\b', 'available', 'No token is to be had.'],
  // The glossary. A resource rejects a token, a token endpoint denies a token request.
  ['(?:the|an|no|any|each|every|its|their|final|last|late) answers?\\b', 'response, reply', 'It waits for the answer.'],
  [`(?:fetch|renew|supply)(?:es|s|ed|ing)? ${aToken}`, 'request, refresh', 'It fetches a new token.'],
  ['obtain(?:s|ed|ing)?\\b', 'request, get', 'if no token can be obtained'],
  [`ask(?:s|ed|ing)? (?:for )?${aToken}`, 'request a token', 'Each caller asks for a new token.'],
  [
    '(?:is|are|was|were|be|been) asked\\b(?! (?:to|whether|why)\\b)',
    'is requested, is called',
    'The server is asked again.',
  ],
  ['ask(?:s|ed|ing)? for\\b', 'request, require, demand', 'parameters that a server asks for'],
  [`refus(?:es?|ed|ing) ${aToken}`, 'reject', 'A resource refuses the token.'],
  [`tokens? (?:that )?(?:${be} |has been )?refused\\b`, 'rejected', 'a token that was refused'],
  [
    '(?<!jti )\\breplay(?:s|ed|ing)?\\b(?! (?:attack|protection|cache|check))',
    'resend, repeat',
    'The request is replayed.',
  ],
  ['(?<!real )\\blife\\b(?!-| cycle)', 'lifetime', 'the last fifth of its life'],
  [
    'tokens? (?:lives?|lived)\\b|\\blives? (?:an?|one|two|for|as long|longer|until|\\d)\\b',
    'expires, lifetime',
    'It lives an hour.',
  ],
  [
    "(?:token|lease)(?:'s)? end\\b|\\bend of (?:its|the|a|their) (?:tokens?|lifetime)\\b",
    'expiry',
    'after the end of its token',
  ],
  ['behind (?:its|the|their|our) callers?\\b', 'in the background', 'One refresh runs behind the callers.'],
  // Rare words, and rare senses of common ones.
  ['mend(?:s|ed|ing)?\\b', 'fix', 'Mend the variable.'],
  ['heed(?:s|ed|ing)?\\b', 'honour, respect', 'Node heeds it.'],
  ['befall(?:s|en)?\\b|\\bbefell\\b', 'happens to', 'what befalls the provider'],
  ['prolong(?:s|ed|ing)?\\b', 'extend', 'a prolonged entry'],
  ['beside\\b', 'in addition to, with, next to', 'beside the public interface'],
  ['judg(?:es?|ed|ing|e?ments?)\\b', 'evaluate, verify, decide about', 'judged by its origin'],
  ['midst\\b', 'middle', 'in the midst of the body'],
  ['anew\\b', 'again, a new …', 'It signs anew.'],
  ['once more\\b', 'again', '// It is sent once\n// more.'],
  ['for ever\\b', 'forever', 'It hangs for ever.'],
  ['look-ups?\\b', 'lookup', 'after one look-up'],
  ["can't\\b|\\bcan not\\b", 'cannot', ' * It can\n * not be read.'],
  ['in turn\\b', 'alternating, one after the other', 'names and values in turn'],
  ['(?:let|lets|letting) (?:the process )?go\\b', 'release, let … exit', 'It lets go of the wait.'],
  ['(?:go|goes|went|going) on\\b', 'continue', 'The request goes on.'],
  [`${be} over\\b(?! https?\\b| tls\\b| \\d)`, 'has ended, has expired', 'once the throttling is over'],
  ['(?:tells?|told) of\\b', 'report, say that', 'It tells of a clock that was set back.'],
  ['gets? along with\\b', 'work with', 'It gets along with retries.'],
  ['all the same\\b', 'still, anyway', 'It was dropped all the same.'],
  ['another (?:\\w+ )?\\w+ than\\b', 'a different …, a … other than', 'another token than the first'],
  [
    "of (?:its|their|one's) own\\b(?! (?!(?:and|or|for|in|on|to|with|if|so|that|of|as|is|are|by|from|which|than)\\b)[a-z])",
    'its own …, a separate …',
    'in a process of its own',
  ],
  [
    '(?:left|kept|passed|sent|stays?) (?:\\w+ )?as (?:it|they) (?:is|was|are|were)\\b(?! \\w+(?:ed|en)\\b)',
    'as is, unchanged',
    'It is sent as it is.',
  ],
  ['(?:thereof|therein|whereby|wherein|hitherto|henceforth|lest|ought to)\\b', 'plain words', 'the scope thereof'],
]

/** Text that is not ours or not prose, and this file. */
const exempt = /^(LICENSE|test\/language\.test\.ts)$|\.(json|svg)$|lock\.yaml$/

function compiled([pattern, instead]: Rule) {
  const source = pattern.replaceAll(' ', '(?:\\s|[*/](?=[\\s*/]))+')
  return {
    pattern: new RegExp(source.startsWith('(?<') ? source : `\\b${source}`, /[A-Z]/.test(source) ? 'gm' : 'gim'),
    instead,
  }
}

const patterns = rules.map(compiled)

/** Each finding as `line: "found", write: instead`. */
function findings(text: string, wanted = patterns): string[] {
  return wanted.flatMap(({ pattern, instead }) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => {
      const line = text.slice(0, index).split('\n').length
      return `${line}: "${found.replaceAll(/[\s*/]+/g, ' ').trim()}", write: ${instead}`
    }),
  )
}

describe('the text of this repository', () => {
  const root = join(import.meta.dirname, '..')
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate']
  const files = execFileSync('git', list, { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((file) => file !== '' && !exempt.test(file) && existsSync(join(root, file)))

  it('is checked in every folder', () => {
    const some = ['README.md', '.changeset/README.md', 'scripts/build.js', 'test/README.md', 'docs/dpop.md']
    expect(files).toEqual(expect.arrayContaining(some))
    expect(files.filter((file) => /^packages\/[\w-]+\/src\//.test(file)).length).toBeGreaterThan(150)
  })

  it('is plain English, in the words of the glossary', () => {
    expect(files.flatMap((file) => findings(read(file)).map((finding) => `${file}:${finding}`))).toEqual([])
  })
})

describe('the language check', () => {
  it.each(rules)('finds %j, for which to write %j, in %j', (...rule) => {
    const [, instead, example] = rule
    const [finding, ...more] = findings(`const a = 1\n${example}`, [compiled(rule)])
    expect(finding).toMatch(/^2: ".+", write: /)
    expect(finding).toContain(instead)
    expect(more).toEqual([])
  })

  it.each([
    '`origins` says where the token may go.',
    'Where the token may go. One for each client, with its rules.',
    'There is no token, and the token is no longer valid.',
    '# Where credentials come from\n\nFrom the options, or from the platform.',
    '/** What to send first. */',
    '/** Whether the resource accepted it. */',
    '// Who calls this? Only the adapter.',
    'What happens to one request is decided once.',
    'a proof that is used twice is a replay attack',
    'const answers = resource.answers.get(401)',
    'It is over TLS.',
    'TOKEN_REQUEST_REFUSED, mca-auth:token:refused, `replayable: false`',
    'It reads standard input to its end.',
    'It is sent as it was written.',
    'when you were asked to stop',
  ])('accepts %j', (sentence) => {
    expect(findings(sentence)).toEqual([])
  })
})
