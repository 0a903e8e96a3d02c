/** A flag of the command line. */
export interface Flag {
  readonly name: string
  /** Placeholder of the value, empty for a switch. */
  readonly value: string
  readonly meaning: string
  readonly isRepeatable?: boolean
}

/** Flags under one heading of the help. */
export interface FlagGroup {
  readonly title: string
  readonly flags: readonly Flag[]
}

function flag(name: string, value: string, meaning: string): Flag {
  return { name, value, meaning }
}

function repeatable(name: string, value: string, meaning: string): Flag {
  return { name, value, meaning: `${meaning}; repeatable`, isRepeatable: true }
}

export const credentialFlags: FlagGroup = {
  title: 'Credentials (all optional if the platform supplies them: see `mca-auth help credentials`)',
  flags: [
    flag('binding', 'FILE', 'a service credential as JSON, used instead of the platform'),
    flag('instance-name', 'NAME', 'the instance to use if the platform has several'),
    flag('service', 'NAME', 'a bound IBM Cloud service, or one configured as for its SDK, e.g. cloudant'),
    flag('client-id', 'ID', 'OAuth client id'),
    flag('secret-file', 'FILE', 'file with the client secret; - reads standard input, and prompts on a terminal'),
    flag('server-url', 'URL', 'MCA authorization server, with --app-id'),
    flag('app-id', 'ID', 'MCA tenant id'),
    flag('oauth-server-url', 'URL', 'App ID server, https://…/oauth/v4/<tenant>'),
    flag('token-endpoint', 'URL', 'token endpoint of any other OAuth 2.0 server'),
    flag('issuer', 'URL', 'issuer of any OAuth 2.0 server; its metadata names the token endpoint'),
    flag('client-auth', 'METHOD', 'client_secret_basic, _basic_raw, _post or _jwt, or none'),
    flag('key-file', 'FILE', 'private key that signs assertions in place of a secret (private_key_jwt)'),
    flag('key-id', 'ID', 'its `kid` [the `kid` of a JWK, or none]'),
    flag('cert-file', 'FILE', 'client certificate of --key-file, for mutual TLS; the key then signs no assertions'),
    flag('ca-file', 'FILE', 'certificate authorities to trust, with --cert-file [those of Node.js]'),
    flag('assertion-file', 'FILE', 'an assertion that the platform issues in place of a secret'),
  ],
}

export const tokenRequestFlags: FlagGroup = {
  title: 'Token request',
  flags: [
    repeatable('scope', 'SCOPE', 'scopes to request'),
    repeatable('resource', 'URI', 'resource indicator (RFC 8707)'),
    repeatable('parameter', 'NAME=VALUE', 'additional parameter of the token request'),
    flag('timeout-ms', 'MS', 'maximum time to wait for a token [10000]'),
    flag('allow-insecure-requests', '', 'allow plain HTTP beyond loopback'),
  ],
}

export const requestFlags: FlagGroup = {
  title: 'Request',
  flags: [
    flag('url', 'URL', 'say whether a request to this URL would carry the token'),
    repeatable('origin', 'ORIGIN', 'with --url: an entry of the option `origins` of your code'),
    flag('send', '', 'with --url: send one GET with the token, and show whether the resource accepts it'),
    flag('dpop', '', 'bind the token to a new key (DPoP), as with the option `dpop`'),
  ],
}

export const keyFlags: FlagGroup = {
  title: 'Options',
  flags: [flag('key-id', 'ID', 'the `kid` [that of the given JWK, or its thumbprint]')],
}

export const cacheFlag: Flag = flag('no-cache', '', 'request a new token even if one is stored, and store it instead')
export const jsonFlag: Flag = flag('json', '', 'print one line of JSON, for scripts')

/** Flags of every command. */
export const generalFlags: readonly (Flag & { readonly short: string })[] = [
  { ...flag('help', '', 'print this help'), short: 'h' },
  { ...flag('version', '', 'print the version'), short: 'v' },
]

/** Every flag once. */
export const flags: ReadonlyMap<string, Flag & { readonly short?: string }> = new Map(
  [credentialFlags, tokenRequestFlags, requestFlags, { flags: [cacheFlag, jsonFlag, ...generalFlags] }]
    .flatMap((group) => group.flags)
    .map((each) => [each.name, each]),
)
