import { inspect } from 'node:util'
import { createTokenProvider } from '@mca-auth/core'
import { startAuthorizationServer } from '@mca-auth/testing'
import { expect, it } from 'vitest'

it('a printed token shows its times and its class, and nothing else', async () => {
  await using server = await startAuthorizationServer()
  await using provider = createTokenProvider(server.appId)
  const token = await provider.getToken()
  const { tokenType, issuedAt, expiresAt, scope } = token
  const shown = { accessToken: '[redacted]', tokenType, issuedAt, expiresAt, scope }
  expect(JSON.parse(JSON.stringify(token))).toEqual(shown)
  expect(inspect(token)).toBe(inspect(shown))
  expect(`${token}`).toBe('[AccessToken: redacted]')
})
