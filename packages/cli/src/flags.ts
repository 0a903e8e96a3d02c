import { exitCodes } from './exit-codes.js'

/** Name, placeholder of the value (empty for a switch), meaning. */
export const flags = [
  ['binding', 'FILE', 'a service credential as JSON, used instead of the platform'],
  ['instance-name', 'NAME', 'the instance to use if the platform has several'],
  ['service', 'NAME', 'a bound IBM Cloud service, or one configured as for its SDK, e.g. cloudant'],
  ['client-id', 'ID', 'OAuth client id'],
  ['secret-file', 'FILE', 'file with the client secret; - reads standard input'],
  ['server-url', 'URL', 'MCA authorization server, with --app-id'],
  ['app-id', 'ID', 'MCA tenant id'],
  ['oauth-server-url', 'URL', 'App ID server, https://…/oauth/v4/<tenant>'],
  ['token-endpoint', 'URL', 'token endpoint of any other OAuth 2.0 server'],
  ['issuer', 'URL', 'issuer of any OAuth 2.0 server; its metadata names the token endpoint'],
  ['client-auth', 'METHOD', 'client_secret_basic, _basic_raw, _post or _jwt, or none'],
  ['key-file', 'FILE', 'private key that signs assertions in place of a secret (private_key_jwt)'],
  ['key-id', 'ID', 'its `kid` [the `kid` of a JWK, or none; jwk: its thumbprint]'],
  ['cert-file', 'FILE', 'client certificate of --key-file, for mutual TLS; the key then signs no assertions'],
  ['ca-file', 'FILE', 'certificate authorities to trust, with --cert-file [those of Node.js]'],
  ['assertion-file', 'FILE', 'an assertion that the platform issues in place of a secret'],
  ['dpop', '', 'doctor: bind the token to a new key (DPoP), as with the option `dpop`'],
  ['scope', 'SCOPE', 'scopes to request; repeatable'],
  ['resource', 'URI', 'resource indicator (RFC 8707); repeatable'],
  ['parameter', 'NAME=VALUE', 'additional parameter of the token request; repeatable'],
  ['timeout-ms', 'MS', 'maximum time to wait for a token [10000]'],
  ['allow-insecure-requests', '', 'allow plain HTTP beyond loopback'],
  ['json', '', 'token: print JSON, for scripts'],
  ['url', 'URL', 'doctor: say whether a request to this URL would carry the token'],
  ['origin', 'ORIGIN', 'doctor --url: as the option `origins` of your code; repeatable'],
  ['send', '', 'doctor --url: send one GET with the token, and show the response'],
  ['help', '', 'print this help'],
  ['version', '', 'print the version'],
] as const

/** Flags that may be given several times. */
export const repeatable: readonly string[] = ['scope', 'resource', 'parameter', 'origin']

export const usage: string = `Usage: mca-auth <command> [options]

Commands:
  token    print the header value, "Bearer …", and nothing else
  doctor   show where each credential was found, request a token, and explain what is wrong
  jwk FILE print the public JWK of a private key, to be registered at the server; - reads standard input

Options, all optional if the platform supplies credentials (VCAP_SERVICES, CE_SERVICES, SERVICE_BINDING_ROOT, variables):
${flags.map(([name, value, meaning]) => `  ${`--${name} ${value}`.padEnd(26)} ${meaning}`).join('\n')}

Exit codes:
${exitCodes.map(([code, meaning]) => `  ${code}  ${meaning}`).join('\n')}

Examples:
  curl -H "Authorization: $(mca-auth token)" https://orders.example.com/
  mca-auth doctor --binding credential.json
  mca-auth token --service cloudant
  mca-auth doctor --issuer https://id.example.com/realms/shop --client-id orders --key-file client.key
  mca-auth doctor --url https://orders.example.com/mine --origin 'https://*.example.com' --send
  vault read -field=secret kv/orders | mca-auth token --token-endpoint https://idp.example.com/token \\
    --client-id orders --secret-file -
`

/** Options of the library whose flags have other names. */
const renamed: Readonly<Record<string, string>> = {
  bindingFile: 'binding',
  secret: 'secret-file',
  parameters: 'parameter',
  origins: 'origin',
}

/** A message of the library with its options as flags: `` `timeoutMs` `` becomes `--timeout-ms`. */
export function withCliOptionNames(message: string): string {
  // The doctor is at hand already.
  const own = message.replace(/\. `npx @mca-auth\/cli doctor` [^`]*$/, '')
  return own.replaceAll(/`(\w+)(?:: (?:true|'(\w+)'))?`/g, (quoted, option: string, value: string | undefined) => {
    const name = renamed[option] ?? option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    return flags.some(([flag]) => flag === name) ? `--${name}${value === undefined ? '' : ` ${value}`}` : quoted
  })
}
