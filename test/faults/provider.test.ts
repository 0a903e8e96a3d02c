import { describe, expect, it } from 'vitest'
import { fileFaults, ibmFaults } from './credentials.ts'
import { issuerFaults } from './issuer.ts'
import { providerFaults } from './provider.ts'
import { resourceFaults } from './resource.ts'
import { clients } from './subjects.ts'
import { type TokenFault, tokenFaults } from './token-endpoint.ts'
import { unreachable } from './unreachable.ts'

describe('the provider', () => {
  it.each(providerFaults)('$fault: $sees', { timeout: 600_000 }, async ({ run }) => {
    await run()
  })
})

it('the tables in README.md list what these tests try', async () => {
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).join(', ')
  const row = (fault: string, sees: string) => `| ${fault} | ${sees} |`
  const seen = ({ code, requests }: TokenFault) =>
    `${code === undefined ? 'nothing' : `\`${code}\``}, after ${requests} token request${requests === 1 ? '' : 's'}`
  const table = (rows: readonly string[]) => ['| fault | what the caller sees |', '|---|---|', ...rows].join('\n')
  const text = `# The fault matrix

Written by \`provider.test.ts\` from the tests themselves, all of which are part of \`npm test\`:
\`npm run vitest -- faults/provider --update\` rewrites it.

## The token endpoint misbehaves

Tried on the provider alone, and one fault of each outcome on each of: ${names(clients)}.
First without a token: the caller gets the error, which is remembered until the server recovers, without a restart. Then
with a stale token, which remains in use.

${table([
  ...unreachable.map(({ fault }) => row(fault, '`TOKEN_REQUEST_FAILED` with the cause')),
  ...tokenFaults.map((fault) => row(fault.fault, seen(fault))),
])}

## The resource misbehaves, or time does

On: ${names(clients)}.

${table(resourceFaults.map(({ fault, sees }) => row(fault, sees)))}

## The provider itself

${table(providerFaults.map(({ fault, sees }) => row(fault, sees)))}

## A file, a key, an issuer or IBM Cloud misbehaves

Files are tried as: a client assertion, a token exchange, a trusted profile of IBM Cloud.

${table([...fileFaults, ...issuerFaults, ...ibmFaults].map(({ fault, sees }) => row(fault, sees)))}
`
  await expect(text).toMatchFileSnapshot('README.md')
})
