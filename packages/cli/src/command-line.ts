import { parseArgs } from 'node:util'
import { clientAssertion, clientCertificate, type McaAuthOptions, privateKeyJwt } from '@mca-auth/core'
import { parseUrl } from '@mca-auth/core/adapter'
import { UsageError } from './exit-codes.js'
import { flags, repeatable } from './flags.js'
import { readKey, readSecret, readText } from './secret-file.js'

/** A request that the doctor should examine. */
export interface RequestToCheck {
  readonly url: URL
  /** The option `origins` of the program that sends it. */
  readonly origins: readonly string[] | undefined
  /** Whether to send it. */
  readonly send: boolean
}

/** The command, and the options of the library. */
export interface CommandLine {
  readonly command: 'token' | 'doctor' | 'jwk' | 'help' | 'version'
  readonly json: boolean
  readonly options: McaAuthOptions
  readonly request?: RequestToCheck | undefined
  /** The arguments of `jwk`. */
  readonly key?: { readonly file: string; readonly id: string | undefined } | undefined
}

type Values = ReturnType<typeof parse>['values']

/** @throws UsageError */
export async function readCommandLine(args: readonly string[]): Promise<CommandLine> {
  const { values, positionals } = parse(args)
  if (values.help === true) return { command: 'help', json: false, options: {} }
  if (values.version === true) return { command: 'version', json: false, options: {} }

  const [command, ...rest] = positionals
  if (command === 'jwk') return { command, json: false, options: {}, key: keyToPrint(rest, values) }
  if (command !== 'token' && command !== 'doctor') {
    throw new UsageError('the command must be `token`, `doctor` or `jwk`')
  }
  if (rest.length > 0) throw new UsageError(`\`${command}\` takes options only`)
  if (values.json === true && command !== 'token') throw new UsageError('--json goes with `token`')
  if (values.dpop === true && command === 'token') {
    throw new UsageError('--dpop goes with `doctor`: the header of a token that is bound to a key is useless alone')
  }
  const request = requestToCheck(command, values)
  return { command, json: values.json === true, options: await libraryOptions(values), request }
}

async function libraryOptions(values: Values): Promise<McaAuthOptions> {
  const texts = values as Record<string, string | undefined>
  const lists = values as Record<string, readonly string[] | undefined>
  const secretFile = texts['secret-file']
  return {
    bindingFile: texts.binding,
    instanceName: texts['instance-name'],
    clientId: texts['client-id'],
    serverUrl: texts['server-url'],
    appId: texts['app-id'],
    oauthServerUrl: texts['oauth-server-url'],
    tokenEndpoint: texts['token-endpoint'],
    issuer: texts.issuer,
    service: texts.service,
    clientAuth: await clientAuthOf(texts),
    dpop: values.dpop === true || undefined,
    scope: lists.scope,
    resource: lists.resource,
    parameters: parametersOf(lists.parameter),
    timeoutMs: texts['timeout-ms'] === undefined ? undefined : Number(texts['timeout-ms']),
    allowInsecureRequests: values['allow-insecure-requests'] === true || undefined,
    // Last: it may wait for standard input.
    secret: secretFile === undefined ? undefined : await readSecret(secretFile),
  }
}

/** @throws UsageError for two ways to authenticate, and for a key that cannot be used. */
async function clientAuthOf(texts: Record<string, string | undefined>): Promise<McaAuthOptions['clientAuth']> {
  const ways = ['client-auth', 'key-file', 'assertion-file'].filter((name) => texts[name] !== undefined)
  if (ways.length > 1) throw new UsageError(`only one of --${ways.join(', --')} may be given`)
  const { 'key-file': keyFile, 'key-id': kid, 'assertion-file': file } = texts
  if (kid !== undefined && keyFile === undefined) throw new UsageError('--key-id goes with --key-file, or with `jwk`')
  if (file !== undefined) return clientAssertion({ file })
  if (texts['cert-file'] !== undefined || texts['ca-file'] !== undefined) return certificateOf(texts)
  if (keyFile === undefined) return texts['client-auth'] as McaAuthOptions['clientAuth']
  const key = await readKey('--key-file', keyFile)
  try {
    return privateKeyJwt(key as Parameters<typeof privateKeyJwt>[0], { kid })
  } catch (error) {
    throw new UsageError(`--key-file: ${(error as Error).message}`)
  }
}

/** @throws UsageError for a certificate that cannot be used. */
async function certificateOf(texts: Record<string, string | undefined>): Promise<McaAuthOptions['clientAuth']> {
  const { 'cert-file': certFile, 'key-file': keyFile, 'ca-file': caFile, 'key-id': kid } = texts
  if (certFile === undefined) throw new UsageError('--ca-file goes with --cert-file')
  if (keyFile === undefined) throw new UsageError('--cert-file goes with --key-file')
  if (kid !== undefined) throw new UsageError('--key-id does not go with --cert-file')
  const [cert, key] = [await readText('--cert-file', certFile), await readText('--key-file', keyFile)]
  const ca = caFile === undefined ? undefined : await readText('--ca-file', caFile)
  try {
    return clientCertificate({ cert, key, ca })
  } catch (error) {
    throw new UsageError(`--cert-file: ${(error as Error).message}`)
  }
}

function keyToPrint(files: readonly string[], values: Values): NonNullable<CommandLine['key']> {
  const other = Object.keys(values).find((name) => name !== 'key-id')
  if (other !== undefined) throw new UsageError(`--${other} does not go with \`jwk\``)
  const [file, another] = files
  if (file === undefined || another !== undefined) throw new UsageError('`jwk` takes one file, or - for standard input')
  return { file, id: values['key-id'] as string | undefined }
}

function requestToCheck(command: string, { url, origin, send }: Values): RequestToCheck | undefined {
  const given = Object.entries({ url, origin, send }).find(([, value]) => value !== undefined)
  if (given !== undefined && command !== 'doctor') throw new UsageError(`--${given[0]} goes with \`doctor\``)
  if (given !== undefined && url === undefined) throw new UsageError(`--${given[0]} goes with --url`)
  if (url === undefined) return undefined
  return { url: requestUrl(String(url)), origins: origin as string[] | undefined, send: send === true }
}

function requestUrl(text: string): URL {
  const url = parseUrl(text)
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new UsageError('--url must be an absolute http(s) URL without user or password')
  }
  return url
}

function parse(args: readonly string[]) {
  const options = Object.fromEntries(
    flags.map(([name, value]) => [
      name,
      { type: value === '' ? ('boolean' as const) : ('string' as const), multiple: repeatable.includes(name) },
    ]),
  )
  if (args.some((arg) => /^--secret(=|$)/.test(arg))) {
    throw new UsageError('a secret on the command line shows in `ps` and in the history: use --secret-file FILE, or -')
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\.\s.*/s, ''))
  }
}

function parametersOf(pairs: readonly string[] | undefined): Record<string, string> | undefined {
  if (pairs === undefined) return undefined
  if (!pairs.every((pair) => pair.indexOf('=') > 0)) throw new UsageError('--parameter must be NAME=VALUE')
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}
