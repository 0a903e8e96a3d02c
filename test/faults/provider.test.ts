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

it('the table in README.md is what these tests try', async () => {
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).join(', ')
  const row = (fault: string, sees: string) => `| ${fault} | ${sees} |`
  const seen = ({ code, requests }: TokenFault) =>
    `${code === undefined ? 'nothing' : `\`${code}\``}, after ${requests} token request${requests === 1 ? '' : 's'}`
  const table = (rows: readonly string[]) => ['| fault | what the caller sees |', '|---|---|', ...rows].join('\n')
  const text = `# The fault matrix

Written by \`provider.test.ts\` from the tests themselves, all of which pass wherever \`npm test\` does:
\`npm run vitest -- faults/provider --update\` writes it anew.

## The token endpoint misbehaves

Tried on the provider alone, and one fault of each outcome on each of: ${names(clients)}.
First with a caller who has no token yet, whose error is then remembered, until it recovers without a restart; then behind
a token that is stale, which goes on serving.

${table([
  ...unreachable.map(({ fault }) => row(fault, '`TOKEN_REQUEST_FAILED` with the cause')),
  ...tokenFaults.map((fault) => row(fault.fault, seen(fault))),
])}

## The resource misbehaves, or time does

On each of: ${names(clients)}.

${table(resourceFaults.map(({ fault, sees }) => row(fault, sees)))}

## What befalls the provider itself

${table(providerFaults.map(({ fault, sees }) => row(fault, sees)))}

## What is presented is not there, or the server is not

Files on each of: a client assertion, a token exchange, a trusted profile of IBM Cloud.

${table([...fileFaults, ...issuerFaults, ...ibmFaults].map(({ fault, sees }) => row(fault, sees)))}
`
  await expect(text).toMatchFileSnapshot('README.md')
})
