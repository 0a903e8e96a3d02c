import { describe, expect, it } from 'vitest'
import { fileFaults, ibmFaults } from './credentials.ts'
import { issuerFaults } from './issuer.ts'

describe.each([
  ['the presented token', fileFaults],
  ['the issuer', issuerFaults],
  ['IBM Cloud', ibmFaults],
])('%s', (_what, faults) => {
  it.each(faults)('$fault: $sees', async ({ run }) => {
    await run()
    expect(expect.getState().assertionCalls).toBeGreaterThan(0)
  })
})
