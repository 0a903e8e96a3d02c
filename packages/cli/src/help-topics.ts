import type { HelpSection } from './commands.js'

/** Texts for `mca-auth help TOPIC`. */
export const topics: Readonly<Record<string, HelpSection & { readonly summary: string }>> = {
  credentials: {
    summary: 'where credentials come from, and how to give them',
    title: 'Where credentials come from, and how to give them',
    parts: [
      'Options take precedence, one by one. Everything else comes from the platform, as in the library, and from one place only, the first that has an instance:',
      {
        terms: {
          VCAP_SERVICES: 'Cloud Foundry',
          CE_SERVICES: 'Code Engine',
          SERVICE_BINDING_ROOT: 'a mounted service binding (Kubernetes)',
          'APPID_*': 'Code Engine with a prefix',
          clientId: 'with `oauthServerUrl`: the secret of an Operator',
          BINDING: 'a credential as JSON',
        },
      },
      "--service reads the configuration of a service of IBM Cloud instead, and --binding a file. The platform's secret is not used if options name the client or the server.",
      'There is no --secret, because it would show in `ps` and in the history of the shell. --secret-file reads a file, without the newline at its end. --secret-file - reads standard input to its end; on a terminal, it prompts for the secret and does not show it.',
      {
        examples: [
          ["A credential as App ID's console or Kubernetes provides it:", 'mca-auth token --binding credential.json'],
          ['One of several instances:', 'mca-auth token --instance-name "App ID-yn"'],
          ['A bound service of IBM Cloud, or one configured as for its SDK:', 'mca-auth token --service cloudant'],
          [
            'Any OAuth 2.0 server, with a client secret:',
            'mca-auth token --issuer https://id.example.com/realms/shop --client-id orders \\',
            '  --secret-file -',
          ],
          [
            'A key in place of a secret (see `mca-auth help jwk`):',
            'mca-auth token --issuer https://id.example.com/realms/shop --client-id orders \\',
            '  --key-file client.key --key-id 2026-11',
          ],
          [
            'A client certificate (mutual TLS):',
            'mca-auth token --issuer https://id.example.com/realms/shop --client-id orders \\',
            '  --cert-file tls.crt --key-file tls.key',
          ],
          [
            'An assertion that the platform mounts:',
            'mca-auth token --issuer https://id.example.com/realms/shop \\',
            '  --assertion-file /var/run/secrets/tokens/idp',
          ],
        ],
      },
    ],
  },
  environment: {
    summary: 'environment variables that change what mca-auth does',
    title: 'Environment variables',
    parts: [
      'Those of the platform, which may supply credentials: see `mca-auth help credentials`.',
      {
        terms: {
          NODE_EXTRA_CA_CERTS: "a file with certificate authorities to trust, such as a company's own",
          HTTPS_PROXY: 'a proxy. Node.js only honours it with NODE_USE_ENV_PROXY=1 (Node.js ≥ 22.21 or ≥ 24.5)',
          XDG_CACHE_HOME:
            'tokens are stored in `mca-auth` there [~/.cache]; on macOS in ~/Library/Caches, on Windows in %LOCALAPPDATA%',
          NO_COLOR: 'if it is not empty: no colours. Otherwise a terminal gets colours, unless TERM is dumb',
          FORCE_COLOR: 'colours in a pipe too; 0: no colours. It takes precedence over NO_COLOR',
          COLUMNS: 'the width of the output in a pipe or a file [80]',
          NODE_DEBUG: 'mca-auth: in your service, logs each request that goes without a token, with the reason',
        },
      },
    ],
  },
}
