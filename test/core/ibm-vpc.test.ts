import { createTokenProvider, ibmVpc, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { startIam, startInstanceMetadata } from '@mca-auth/testing'
import nodeFetch from 'node-fetch'
import { fetch as undiciFetch } from 'undici'
import { describe, expect, it } from 'vitest'
import { type Answer, recordingFetch } from '../servers/sent-token-requests.ts'

const metadata: Answer = ({ method }) =>
  method === 'PUT'
    ? Response.json({ access_token: 'fake-identity-token', expires_in: 300, created_at: '2026-09-01T10:00:00.000Z' })
    : Response.json({ access_token: 'iam-token', expires_in: 3600, created_at: '2026-09-01T10:00:00.000Z' })

async function requested(grant: McaAuthOptions['grant'], answer: Answer = metadata, options: McaAuthOptions = {}) {
  const { fetch, sent } = recordingFetch(answer)
  await using provider = createTokenProvider({ fetch, grant, ...options })
  const outcome = await provider.getToken().catch((error: McaAuthError) => error)
  return { sent, outcome, urls: sent.map(({ method, url }) => `${method} ${url}`) }
}

describe('ibmVpc', () => {
  it('requests an identity token of the metadata service, and with it a token of IAM', async () => {
    const { sent, urls, outcome } = await requested(ibmVpc({ trustedProfile: { id: 'Profile-fake' } }))
    expect(outcome).toMatchObject({ accessToken: 'iam-token' })
    expect(urls).toEqual([
      'PUT http://169.254.169.254/instance_identity/v1/token?version=2022-03-01',
      'POST http://169.254.169.254/instance_identity/v1/iam_token?version=2022-03-01',
    ])
    for (const { headers } of sent) {
      expect(headers).toMatchObject({ 'metadata-flavor': 'ibm', 'content-type': 'application/json' })
    }
    expect(sent.map(({ body }) => JSON.parse(body))).toEqual([
      { expires_in: 300 },
      { trusted_profile: { id: 'Profile-fake' } },
    ])
    expect(sent.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Bearer fake-identity-token'])
  })

  it('sends the crn of a profile, or nothing for the default one', async () => {
    const { sent: byCrn } = await requested(ibmVpc({ trustedProfile: { crn: 'crn:v1:fake' } }))
    expect(JSON.parse(byCrn[1]?.body ?? '')).toEqual({ trusted_profile: { crn: 'crn:v1:fake' } })
    const { sent: byDefault } = await requested(ibmVpc())
    expect(byDefault[1]?.body).toBe('')
  })

  it.each([
    [{ version: '2025-08-25' }, 'http://169.254.169.254/instance_identity/v1/iam_token?version=2025-08-25'],
    [{ version: '2025-08-26' }, 'http://169.254.169.254/identity/v1/iam_tokens?version=2025-08-26'],
    [
      { url: 'https://api.metadata.cloud.ibm.com/' },
      'https://api.metadata.cloud.ibm.com/instance_identity/v1/iam_token?version=2022-03-01',
    ],
    [
      { url: 'https://api.metadata.power-iaas.cloud.ibm.com' },
      'https://api.metadata.power-iaas.cloud.ibm.com/identity/v1/iam_tokens',
    ],
  ])('with %o sends to %s', async (settings, url) => {
    expect((await requested(ibmVpc(settings))).sent[1]?.url).toBe(url)
  })

  it.each([
    [{ trustedProfile: { name: 'orders' } }],
    [{ trustedProfile: {} }],
    [{ version: '1' }],
    [{ url: '169.254.169.254' }],
    [{ profile: 'x' }],
  ])('throws at once for %o', (settings) => {
    expect(() => ibmVpc(settings as never)).toThrow(TypeError)
  })

  it.each(['http://169.254.169.253', 'http://169.254.169.254.example.com', 'http://api.metadata.cloud.ibm.com'])(
    'uses plain HTTP with the link-local address only, not with %s',
    (url) => {
      expect(() => createTokenProvider({ grant: ibmVpc({ url }) })).toThrow(
        expect.objectContaining({ code: 'INSECURE_TRANSPORT' }),
      )
    },
  )

  it('accepts a response of any fetch: those of undici and node-fetch were rejected, since they lack the global class', async () => {
    await using iam = await startIam()
    await using service = await startInstanceMetadata({ iam })
    // A mock's response, which has no class at all.
    const plain: typeof globalThis.fetch = async (input, init) => {
      const { status, headers, body } = await fetch(input, init)
      return { status, headers, body } as Response
    }
    for (const other of [undiciFetch, nodeFetch, plain] as unknown as (typeof globalThis.fetch)[]) {
      const grant = ibmVpc({ url: service.url, trustedProfile: { id: iam.account.trustedProfile.id } })
      await using provider = createTokenProvider({ fetch: other, grant })
      expect((await provider.getToken()).accessToken).toMatch(/^ey/)
    }
  })

  it.each([
    { clientId: 'c' },
    { secret: 'fake' },
    { clientAuth: 'none' as const },
    { issuer: 'https://x.example.com' },
  ])('has no client, and no other server: %o is a TypeError', (options) => {
    expect(() => createTokenProvider({ grant: ibmVpc(), ...options })).toThrow(TypeError)
  })

  it('does not show the identity token if the service quotes it', async () => {
    const { outcome } = await requested(ibmVpc(), (request, count) =>
      request.method === 'PUT'
        ? metadata(request, count)
        : Response.json(
            { errors: [{ code: 'unauthenticated', message: 'bad token fake-identity-token' }] },
            { status: 401 },
          ),
    )
    expect(outcome).toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error: 'unauthenticated', status: 401 })
    expect((outcome as Error).message).toContain('bad token [redacted]')
  })
})
