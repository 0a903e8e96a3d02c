import type { ExitCode } from './exit-codes.js'
import {
  cacheFlag,
  credentialFlags,
  type FlagGroup,
  jsonFlag,
  keyFlags,
  requestFlags,
  tokenRequestFlags,
} from './flags.js'
import { skipReasons } from './skip-reasons.js'

export type CommandName = 'token' | 'doctor' | 'jwk' | 'clear'

/** A part of the help: text, to be wrapped; terms with their meanings; or commands to copy, with a comment above each. */
export type HelpPart =
  | string
  | { readonly terms: Readonly<Record<string, string>> }
  | { readonly examples: readonly (readonly [comment: string, ...lines: string[]])[] }

/** Parts of the help below a heading. */
export interface HelpSection {
  readonly title: string
  readonly parts: readonly HelpPart[]
}

export interface Command {
  readonly summary: string
  /** Placeholder of the argument that follows the command. */
  readonly argument?: string
  readonly description: readonly HelpPart[]
  readonly flagGroups: readonly FlagGroup[]
  readonly sections: readonly HelpSection[]
  readonly exitCodes: readonly ExitCode[]
}

const token: Command = {
  summary: 'print the value of an Authorization header, "Bearer …"',
  description: [
    'Prints the value of an Authorization header, "Bearer …", and nothing else, so that a shell can substitute it into a command. Errors go to standard error.',
    'The token is stored, encrypted with a key that is derived from the secret or the private key, in files that only this user can read. The next runs print it until a fifth of its lifetime is left, at most 5 minutes; then they request a new one.',
    'If a resource rejects a stored token, for example because it was revoked, request a new one with --no-cache. Without a static secret or a private key, as with a mounted token, nothing is stored. If the files cannot be used, there is a warning on standard error, and the token is still printed.',
    'With --json, it prints one line of JSON: `header`, `accessToken`, `tokenType`, `scope`, and `issuedAt` and `expiresAt` in milliseconds since the epoch.',
  ],
  flagGroups: [credentialFlags, tokenRequestFlags, { title: 'Output', flags: [cacheFlag, jsonFlag] }],
  sections: [
    {
      title: 'Examples',
      parts: [
        {
          examples: [
            ['Call a service:', 'curl -H "Authorization: $(mca-auth token)" https://orders.example.com/'],
            ['The token alone:', 'mca-auth token --json | jq -r .accessToken'],
            ['A new one, if a resource rejects the stored one:', 'mca-auth token --no-cache'],
            ['For a bound service of IBM Cloud:', 'mca-auth token --service cloudant'],
            [
              'With a secret from a vault, for two scopes:',
              'vault read -field=secret kv/orders | mca-auth token \\',
              '  --token-endpoint https://idp.example.com/token --client-id orders \\',
              '  --secret-file - --scope "orders.read orders.write"',
            ],
          ],
        },
      ],
    },
  ],
  exitCodes: [0, 1, 2, 3, 4, 5, 6],
}

const doctor: Command = {
  summary: 'request a token, and say what works, what is wrong, and what to do',
  description: [
    'Requests one token, and says what works, what is wrong, and what to do about it. Run it where the service runs, with the same environment.',
    'It shows where each credential was found, the metadata of an --issuer, how the token endpoint responds, the issuer and expiry of a mounted token, what the issued token grants, and where tokens are stored. It always requests a new token, which it does not store.',
    'It never shows a secret, a token, an assertion or the query of a URL. It also hides secrets that a server repeats, in any encoding, and escapes characters that a terminal would hide or execute (`\\u200b`).',
  ],
  flagGroups: [credentialFlags, tokenRequestFlags, requestFlags, { title: 'Output', flags: [jsonFlag] }],
  sections: [
    {
      title: 'Why did this request go without a token?',
      parts: [
        'With --url, the doctor says whether a request to that URL would carry the token, by the same code as the adapters. Give each entry of your `origins` as one --origin. Without --origin, the token goes to the origin of the URL, as in an adapter without `origins`. With --send, it also shows whether the resource accepts the token, and whether the token would follow a redirect. The reasons:',
        {
          terms: Object.fromEntries(
            Object.entries(skipReasons).map(([reason, [meaning, remedy]]) => [reason, `${meaning} → ${remedy}`]),
          ),
        },
        'Some depend on your code, which the doctor does not see: run your service with NODE_DEBUG=mca-auth to log every request that goes without a token, with its reason.',
      ],
    },
    {
      title: 'JSON',
      parts: [
        'With --json, the report is one line of JSON on standard output. The exit code stays the same. Texts may change between versions; these fields, and the values of `status` and `code`, do not:',
        {
          terms: {
            status: '"good", "warning" or "bad", the worst of the report',
            exitCode: 'the exit code',
            verdict: 'one sentence',
            code: 'why it fails: the `code` of the McaAuthError, the reason why the request goes without a token, "resource-rejects-token" or "resource-unavailable"; null if it works',
            sections: 'a list of { title, entries }',
            entries:
              'a list of { status, label, text, note, advice }; `status` may also be "plain", `advice` is a list',
            hints: 'a list of sentences',
          },
        },
      ],
    },
    {
      title: 'Examples',
      parts: [
        {
          examples: [
            ['With what the platform supplies:', 'npx @mca-auth/cli doctor'],
            [
              "A credential as App ID's console or Kubernetes provides it:",
              'mca-auth doctor --binding credential.json',
            ],
            [
              'A key in place of a secret:',
              'mca-auth doctor --issuer https://id.example.com/realms/shop --client-id orders \\',
              '  --key-file client.key --key-id 2026-11',
            ],
            [
              'Would this request carry the token? (Sends nothing there.)',
              'mca-auth doctor --url https://orders.example.com/mine \\',
              '  --origin "https://*.example.com"',
            ],
            [
              'Does the resource accept it? (Sends one GET.)',
              'mca-auth doctor --url https://orders.example.com/mine --send',
            ],
            ['Only the verdict, in a script:', 'mca-auth doctor --json | jq -r .verdict'],
          ],
        },
      ],
    },
  ],
  exitCodes: [0, 1, 2, 3, 4, 5, 6, 7],
}

const jwk: Command = {
  summary: 'print the public JWK of a private key, to register at the server',
  argument: 'FILE',
  description: [
    'Prints the public half of a key (PEM or JWK) as a JWK, to be registered at the authorization server. The client then signs assertions with the key (private_key_jwt), so that there is no shared secret. The file - is standard input.',
    'Its `kid` is --key-id, the `kid` of the given JWK, or else the thumbprint of the key (RFC 7638). Give the same `kid` to `privateKeyJwt(key, { kid })`. The doctor shows the key and the audience of the assertion that it sent.',
  ],
  flagGroups: [keyFlags],
  sections: [
    {
      title: 'Examples',
      parts: [
        {
          examples: [
            ['Make a key:', 'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out client.key'],
            ['Print what the server needs:', 'mca-auth jwk client.key'],
            ['From an encrypted key:', 'openssl pkey -in client.key | mca-auth jwk -'],
          ],
        },
      ],
    },
  ],
  exitCodes: [0, 1, 2],
}

const clear: Command = {
  summary: 'remove the stored tokens',
  description: [
    'Removes all tokens that `mca-auth token` has stored, of every credential of this user. It needs no credentials. Services of this user that share tokens in the same directory (@mca-auth/file-cache) continue with those that they have in memory.',
    'The tokens stay valid at the server until they expire.',
  ],
  flagGroups: [],
  sections: [
    {
      title: 'Examples',
      parts: [
        {
          examples: [
            ['Remove all stored tokens:', 'mca-auth clear'],
            ['Where they are, and how many:', 'mca-auth doctor'],
          ],
        },
      ],
    },
  ],
  exitCodes: [0, 1, 2],
}

export const commands: Readonly<Record<CommandName, Command>> = { token, doctor, jwk, clear }

/** Whether the command takes the flag. Every command also takes the general ones. */
export function takesFlag(command: CommandName, flag: string): boolean {
  return commands[command].flagGroups.some(({ flags }) => flags.some(({ name }) => name === flag))
}

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commands, name)
}
