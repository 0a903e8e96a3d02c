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

Generated from the tests themselves by \`npm run vitest -- faults/provider --update\`. Each row is a test of \`npm test\`.

## The token endpoint misbehaves

Each fault is tried on the provider alone, and one fault of each outcome on: ${names(clients)}. First with a caller
who has no token yet: the error is remembered, and the provider recovers without a restart. Then with a stale token, which
stays in use.

${table([
  ...unreachable.map(({ fault }) => row(fault, '`TOKEN_REQUEST_FAILED` with the cause')),
  ...tokenFaults.map((fault) => row(fault.fault, seen(fault))),
])}

## The resource misbehaves, or time does

On: ${names(clients)}.

${table(resourceFaults.map(({ fault, sees }) => row(fault, sees)))}

## What happens to the provider itself

${table(providerFaults.map(({ fault, sees }) => row(fault, sees)))}

## A credential or a server is missing

Files are tried as: a client assertion, a token exchange, a trusted profile of IBM Cloud.

${table([...fileFaults, ...issuerFaults, ...ibmFaults].map(({ fault, sees }) => row(fault, sees)))}
`
  await expect(text).toMatchFileSnapshot('README.md')
})
