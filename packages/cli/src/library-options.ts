import { clientAssertion, clientCertificate, type McaAuthOptions, privateKeyJwt } from '@mca-auth/core'
import { UsageError } from './exit-codes.js'
import type { Values } from './parse-arguments.js'
import { readKey, readSecret, readText } from './secret-file.js'
import type { PrivateKey } from './token-store.js'

type Texts = Readonly<Record<string, string | undefined>>

/** How the client authenticates, by a key or otherwise. */
interface ClientAuth {
  readonly clientAuth: McaAuthOptions['clientAuth']
  readonly key?: PrivateKey
}

/**
 * The options of the library, from flags, and the private key.
 *
 * @throws UsageError
 */
export async function libraryOptions(
  values: Values,
): Promise<{ readonly options: McaAuthOptions; readonly key: PrivateKey | undefined }> {
  const texts = values as Texts
  const lists = values as Readonly<Record<string, readonly string[] | undefined>>
  const secretFile = texts['secret-file']
  const { clientAuth, key } = await clientAuthOf(texts)
  const options: McaAuthOptions = {
    bindingFile: texts.binding,
    instanceName: texts['instance-name'],
    clientId: texts['client-id'],
    serverUrl: texts['server-url'],
    appId: texts['app-id'],
    oauthServerUrl: texts['oauth-server-url'],
    tokenEndpoint: texts['token-endpoint'],
    issuer: texts.issuer,
    service: texts.service,
    origins: lists.origin,
    clientAuth,
    dpop: values.dpop === true || undefined,
    scope: lists.scope,
    resource: lists.resource,
    parameters: parametersOf(lists.parameter),
    timeoutMs: texts['timeout-ms'] === undefined ? undefined : Number(texts['timeout-ms']),
    allowInsecureRequests: values['allow-insecure-requests'] === true || undefined,
    // Last: it may wait for standard input.
    secret: secretFile === undefined ? undefined : await readSecret(secretFile),
  }
  return { options, key }
}

/** @throws UsageError for two ways to authenticate, and for a key that cannot be used. */
async function clientAuthOf(texts: Texts): Promise<ClientAuth> {
  const ways = ['client-auth', 'key-file', 'assertion-file'].filter((name) => texts[name] !== undefined)
  if (ways.length > 1) throw new UsageError(`only one of --${ways.join(', --')} may be given`)
  const { 'key-file': keyFile, 'key-id': kid, 'assertion-file': file } = texts
  if (kid !== undefined && keyFile === undefined) throw new UsageError('--key-id goes with --key-file, or with `jwk`')
  if (texts['cert-file'] !== undefined || texts['ca-file'] !== undefined) return certificateOf(texts)
  if (file !== undefined) return { clientAuth: clientAssertion({ file }) }
  if (keyFile === undefined) return { clientAuth: texts['client-auth'] as McaAuthOptions['clientAuth'] }
  const key = await readKey('--key-file', keyFile)
  try {
    return { clientAuth: privateKeyJwt(key as Parameters<typeof privateKeyJwt>[0], { kid }), key }
  } catch (error) {
    throw new UsageError(`--key-file: ${(error as Error).message}`)
  }
}

/** @throws UsageError for a certificate that cannot be used. */
async function certificateOf(texts: Texts): Promise<ClientAuth> {
  const { 'cert-file': certFile, 'key-file': keyFile, 'ca-file': caFile, 'key-id': kid } = texts
  if (certFile === undefined) throw new UsageError('--ca-file goes with --cert-file')
  if (keyFile === undefined) throw new UsageError('--cert-file goes with --key-file')
  if (kid !== undefined) throw new UsageError('--key-id does not go with --cert-file')
  const [cert, key] = [await readText('--cert-file', certFile), await readText('--key-file', keyFile)]
  const ca = caFile === undefined ? undefined : await readText('--ca-file', caFile)
  try {
    return { clientAuth: clientCertificate({ cert, key, ca }), key }
  } catch (error) {
    throw new UsageError(`--cert-file: ${(error as Error).message}`)
  }
}

function parametersOf(pairs: readonly string[] | undefined): Record<string, string> | undefined {
  if (pairs === undefined) return undefined
  if (!pairs.every((pair) => pair.indexOf('=') > 0)) throw new UsageError('--parameter must be NAME=VALUE')
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}
