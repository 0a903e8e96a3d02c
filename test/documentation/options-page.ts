// docs/options.md, generated from the doc comments of the options.
import { read, sourceFiles } from '../repository.ts'

const root = 'packages/core/src/'

/** A group of options: the interface that declares them, and its heading. */
const groups = [
  ['credentials/credential-options.ts', 'Who requests tokens, and from which server'],
  ['token-endpoint/token-endpoint-options.ts', 'What is requested, and how'],
  ['authorization/authorization-options.ts', 'Which requests carry a token, and which token'],
  ['provider/provider-options.ts', 'How tokens are kept'],
  ['shared-cache/shared-cache-options.ts', 'Tokens that several processes share'],
] as const

/** Interfaces of settings, and the calls that take them. */
const settings = [
  ['credentials/private-key.ts', 'PrivateKeyJwtSettings', 'privateKeyJwt(key, settings)'],
  ['credentials/client-assertion.ts', 'ClientAssertionSettings', 'clientAssertion(token, settings)'],
  ['credentials/certificate/client-certificate.ts', 'ClientCertificateSettings', 'clientCertificate(settings)'],
  ['credentials/token-exchange.ts', 'TokenExchangeSettings', 'tokenExchange(settings)'],
  ['credentials/jwt-bearer.ts', 'JwtBearerSettings', 'jwtBearer(settings)'],
  ['credentials/ibm-vpc.ts', 'IbmVpcSettings', 'ibmVpc(settings)'],
] as const

/** Links for further reading about an option. */
const more: Readonly<Record<string, string>> = {
  secret: '[Credentials](credentials.md#a-client-secret)',
  issuer: '[Credentials](credentials.md#an-issuer)',
  clientAuth: '[Credentials](credentials.md#a-client-secret)',
  grant: '[Credentials](credentials.md)',
  source: '[Credentials](credentials.md#anything-else)',
  identity: '[Credentials](credentials.md#tokens-that-several-processes-share)',
  service: '[IBM Cloud](ibm-cloud.md)',
  dpop: '[Tokens bound to a key](dpop.md)',
  origins: '[Which origin may have the token](one-request.md#which-origin-may-have-the-token)',
  incoming: '[On behalf of the caller](on-behalf-of.md)',
  tokenRequest: '[Rules of one client](token-provider.md#rules-of-one-client), [more scope on demand](step-up.md)',
  refresh: '[Before a token expires](behaviour.md#before-a-token-expires)',
  sharedCache: '[Files](file-cache.md), [Redis](../packages/redis)',
}

export interface Option {
  readonly name: string
  readonly type: string
  readonly meaning: string
  /** As the doc comment has it, e.g. `10_000`. */
  readonly default: string | undefined
}

/** The options that one interface of a file declares, in their order. */
export function optionsIn(file: string, interfaceName = '\\w+Options'): Option[] {
  const [, body = ''] =
    new RegExp(`^export interface ${interfaceName} \\{\\n(.*?)^\\}`, 'ms').exec(read(root + file)) ?? []
  const members = body.matchAll(
    / {2}\/\*\*(.*?)\*\/\n {2}readonly (\w+|\[\w+: string\])\??: (.*?)(?: \| undefined)?$/gms,
  )
  return [...members].map(([, comment = '', name = '', type = '']) => {
    const text = comment.replaceAll(/\n *\* ?/g, '\n').trim()
    const [meaning = '', value] = text.split(/\s*@default\s+/)
    return { name, type, meaning: inOneLine(meaning), default: value && inOneLine(value) }
  })
}

/** Interfaces of settings that the page has, and those that core exports. */
export function settingsInterfaces(): { readonly documented: readonly string[]; readonly exported: readonly string[] } {
  const published = new Set(read(`${root}index.ts`).match(/\w+Settings\b/g))
  const declared = sourceFiles.flatMap((file) => read(file).match(/(?<=^export interface )\w+Settings\b/gm) ?? [])
  return { documented: settings.map(([, name]) => name), exported: declared.filter((name) => published.has(name)) }
}

/** Every option, and how many of them the sources declare. */
export function allOptions(): { readonly options: readonly Option[]; readonly declared: number } {
  const files = groups.map(([file]) => file)
  const declared = files.map((file) => read(root + file).match(/^ {2}readonly \w+\?:/gm)?.length ?? 0)
  return { options: files.flatMap((file) => optionsIn(file)), declared: declared.reduce((sum, count) => sum + count) }
}

export function optionsPage(): string {
  const sections = groups.map(([file, heading]) => {
    const options = optionsIn(file).flatMap((option) => [section(option, '###'), ...fieldsOf(option)])
    return `## ${heading}\n\n${options.join('\n')}`
  })
  const functions = settings.map(([file, name, call]) => {
    const rows = optionsIn(file, name).map((option) => [
      option.name.startsWith('[') ? 'any other name' : `\`${option.name}\``,
      option.meaning.replace(/\.$/, ''),
      quoted(option.default ?? ''),
    ])
    return `### \`${call}\`\n\n${table(['setting', 'meaning', 'default'], rows)}`
  })
  const overview = table(['option', 'meaning', 'default'], groups.flatMap(([file]) => optionsIn(file)).map(row))
  return [head, overview, ...sections, functionsHead, ...functions, foot].join('\n')
}

function table(head: readonly string[], rows: readonly string[][]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |\n`
  return [head, widths.map((width) => '-'.repeat(width)), ...cells].map(line).join('')
}

/** The options within an option. */
function fieldsOf({ name, type }: Option): string[] {
  if (type !== 'RefreshPolicy') return []
  const fields = optionsIn('provider/refresh-policy.ts', type)
  return fields.map((field) => section({ ...field, name: `${name}.${field.name}` }, '####'))
}

/** A first sentence, and a default that is short enough for a table. */
function row({ name, meaning, default: value = '' }: Option): string[] {
  const [first = ''] = /^(?:`[^`]*`|e\.g\.|[^`.:]|[.:](?! |$))*/.exec(meaning) ?? []
  const short = value.length > 60 ? 'see there' : quoted(value)
  return [`[\`${name}\`](#${name.toLowerCase()})`, first, short]
}

function section({ name, type, meaning, default: value }: Option, level: string): string {
  const parts = [
    `${level} \`${name}\``,
    wrapped(meaning),
    value === undefined ? [] : wrapped(`Default: ${quoted(value)}.`),
    `\`\`\`text\n${name.split('.').at(-1)}?: ${written(type)}\n\`\`\``,
    more[name] === undefined ? [] : `More: ${more[name]}.`,
  ]
  return `${parts.flat().join('\n\n')}\n`
}

/** Types of the sources that are no more than a few values. */
function written(type: string): string {
  const source = read(`${root}credentials/client-authentication.ts`)
  const [, secret = ''] = /^export type Secret = (.*)$/m.exec(source) ?? []
  const [, methods = ''] = /^export const secretMethods = \[\n(.*?)^\] as const$/ms.exec(source) ?? []
  return type.replace(/\bSecret\b/, secret).replace(/\bSecretMethod\b/, (methods.match(/'\w+'/g) ?? []).join(' | '))
}

/** As code, if the default is a value. */
function quoted(value: string): string {
  return /^('\w+'|[\d_]+|true|false)$/.test(value) ? `\`${value}\`` : value
}

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

function wrapped(text: string): string {
  return text.replaceAll(/(.{1,120})(?: |$)/g, '$1\n').trim()
}

const head = `# Options

Every \`mcaAuth()\`, \`createTokenProvider()\` and \`new McaAuthenticator()\` takes these. All are optional if the platform
supplies the credentials. A wrong option is a \`TypeError\` at once, and one that is \`undefined\` counts as left out.

This page is written from the doc comments, which your editor shows too: \`npm run vitest -- documentation --update\`.
`

const functionsHead = `## Settings of the functions

What is given as \`clientAuth\` or \`grant\`. [Credentials](credentials.md) has an example of each, and of
[\`ibmIam()\`](credentials.md#ibm-cloud).
`

const foot = `## Rules of one client

Clients that share a provider take \`origins\`, \`incoming\`, \`tokenRequest\` and \`allowInsecureRequests\` from it. With a
second argument that has some of them, \`mcaAuth(provider, { origins })\`, one client has
[its own](token-provider.md#rules-of-one-client). \`mcaAuth(options, { fetch })\` of @mca-auth/fetch says
[which \`fetch\` sends the requests](../packages/fetch).
`
