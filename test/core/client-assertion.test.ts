import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientAssertion, createTokenProvider, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { expect, it } from 'vitest'
import { type Answer, recordingFetch } from '../servers/sent-token-requests.ts'

const tokenEndpoint = 'https://idp.example.com/realms/x/token'
const issuer = 'https://idp.example.com/realms/x'
const secret = 'a fake secret of more than 32 bytes, for HMAC'

async function requested(options: McaAuthOptions, answer?: Answer) {
  const { fetch, sent } = recordingFetch(answer)
  await using provider = createTokenProvider({ fetch, tokenEndpoint, clientId: 'orders', ...options })
  const outcome = await provider.getToken().catch((error: McaAuthError) => error)
  return { sent, outcome, first: sent[0] }
}

it("clientAuth 'none' sends the id alone, and needs no secret", async () => {
  const { first } = await requested({ clientAuth: 'none' })
  expect(first?.form).toEqual({ grant_type: 'client_credentials', client_id: 'orders' })
  expect(first?.headers.authorization).toBeUndefined()
  expect(() => createTokenProvider({ tokenEndpoint, clientAuth: 'none' })).toThrow(
    expect.objectContaining({ code: 'MISSING_CLIENTID_ERROR' }),
  )
})

it('client_secret_jwt signs with the secret, for the token endpoint, or for the issuer if it is known', async () => {
  const { first: alone } = await requested({ clientAuth: 'client_secret_jwt', secret })
  const { first: withIssuer } = await requested({ clientAuth: 'client_secret_jwt', secret, issuer })
  const key = new TextEncoder().encode(secret)
  for (const [sent, audience, typ] of [
    [alone, tokenEndpoint, 'JWT'],
    [withIssuer, issuer, 'client-authentication+jwt'],
  ] as const) {
    const assertion = sent?.form.client_assertion ?? ''
    const { payload, protectedHeader } = await jwtVerify(assertion, key, { audience, issuer: 'orders', typ })
    expect(protectedHeader.alg).toBe('HS256')
    expect(payload).toMatchObject({ sub: 'orders', aud: audience })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
    expect(payload.nbf).toBeUndefined()
    expect(sent?.form).toMatchObject({
      client_id: 'orders',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    expect(sent?.headers.authorization).toBeUndefined()
    expect(JSON.stringify(sent)).not.toContain(secret)
  }
})

it('client_secret_jwt signs a new assertion for each attempt, since a server rejects one that it has seen', async () => {
  const { sent } = await requested({ clientAuth: 'client_secret_jwt', secret }, (_request, count) =>
    count < 3 ? new Response('', { status: 503 }) : Response.json({ access_token: 'a' }),
  )
  expect(new Set(sent.map(({ form }) => decodeJwt(form.client_assertion ?? '').jti)).size).toBe(3)
})

it('client_secret_jwt needs a secret, which a function may return', async () => {
  expect(() => createTokenProvider({ tokenEndpoint, clientId: 'c', clientAuth: 'client_secret_jwt' })).toThrow(
    expect.objectContaining({ code: 'MISSING_SECRET_ERROR' }),
  )
  const { first } = await requested({ clientAuth: 'client_secret_jwt', secret: async () => secret })
  await jwtVerify(first?.form.client_assertion ?? '', new TextEncoder().encode(secret))
})

it('an assertion is dated by the clock of the server if it differs from ours', async () => {
  const hour = 3_600_000
  const { sent } = await requested({ clientAuth: 'client_secret_jwt', secret }, (_request, count) => {
    const headers = { date: new Date(Date.now() - hour).toUTCString() }
    return count === 1 ? new Response('', { status: 503, headers }) : Response.json({ access_token: 'a' }, { headers })
  })
  const [before, after] = sent.map(({ form }) => decodeJwt(form.client_assertion ?? '').iat ?? 0)
  expect(Math.abs((before ?? 0) - (after ?? 0) - hour / 1000)).toBeLessThanOrEqual(2)
})

it('clientAssertion sends the content of a file without surrounding white space, and the id if there is one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mca-auth-assertion-'))
  try {
    const file = join(directory, 'token')
    writeFileSync(file, 'fake.platform.token\n')
    const { first } = await requested({ clientAuth: clientAssertion({ file }) })
    expect(first?.form).toEqual({
      grant_type: 'client_credentials',
      client_id: 'orders',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: 'fake.platform.token',
    })
    const { first: spiffe } = await requested({
      ...{ clientId: undefined, clientAuth: clientAssertion({ file }, { type: 'jwt-spiffe' }) },
    })
    expect(spiffe?.form).toEqual({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      client_assertion: 'fake.platform.token',
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

it.each([
  [undefined, undefined],
  ['', undefined],
  [{ files: 'x' }, undefined],
  ['a', { type: '' }],
  ['a', { kind: 'x' }],
])('clientAssertion throws at once for %o, %o', (assertion, settings) => {
  expect(() => clientAssertion(assertion as never, settings as never)).toThrow(TypeError)
})

it('the header of an assertion states its algorithm and its type', async () => {
  const { first } = await requested({ clientAuth: 'client_secret_jwt', secret, issuer })
  expect(decodeProtectedHeader(first?.form.client_assertion ?? '')).toEqual({
    alg: 'HS256',
    typ: 'client-authentication+jwt',
  })
})
