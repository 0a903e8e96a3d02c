// A service that acts on behalf of its callers, with a client certificate: all their tokens are bound to its certificate.
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { clientCertificate, createTokenProvider, forwardIncoming } from '@mca-auth/core'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import axios from 'axios'
import { got } from 'got'
import { decodeJwt } from 'jose'
import { expect, it } from 'vitest'
import { authority, CertificateDirectory, thumbprintOf } from '../servers/certificates.ts'

it.each(['axios', 'got'])('%s: every caller has a separate token, and a new one after a rotation', async (name) => {
  const issuer = await authority()
  const [tls, one, two] = await Promise.all([issuer.issue('server'), issuer.issue('orders'), issuer.issue('orders')])
  using directory = new CertificateDirectory()
  directory.write(one)
  await using server = await startAuthorizationServer({ tls: { ...tls, ca: issuer.cert } })
  await using resource = await startProtectedResource({ authorizationServer: server, tls })
  const { clientId, oauthServerUrl } = server.appId
  const clientAuth = clientCertificate({ cert: directory.cert, key: directory.key, ca: issuer.cert })
  await using provider = createTokenProvider({
    ...{ clientId, oauthServerUrl, clientAuth, origins: resource.origin, incoming: 'exchange' },
  })
  const instance = axios.create({ proxy: false })
  instance.interceptors.request.use(axiosAuth(provider))
  const api = got.extend(gotAuth(provider), { retry: { limit: 0 } })
  const send = (url: string): Promise<unknown> => (name === 'axios' ? instance.get(url) : api(url))
  const users = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => ({
      path: `/user-${i}`,
      token: await server.users.tokenOf(`user-${i}`),
    })),
  )
  const callAll = () =>
    Promise.all(
      users.flatMap(({ path, token }) =>
        [1, 2].map(() =>
          forwardIncoming({ headers: { authorization: `Bearer ${token}` } }, () => send(resource.origin + path)),
        ),
      ),
    )
  await callAll()
  expect(server.users.exchanged).toHaveLength(users.length)
  directory.write(two)
  await expect
    .poll(async () => callAll().then(() => resource.received.at(-1)?.certificateThumbprint))
    .toBe(thumbprintOf(two))
  // The change may have been noticed in the middle of the round before.
  await callAll()
  expect(server.users.exchanged).toHaveLength(2 * users.length)
  expect([...resource.answers.keys()]).toEqual([200])
  for (const { path, subject, headers, certificateThumbprint } of resource.accepted) {
    expect(`/${subject}`).toBe(path)
    const { cnf } = decodeJwt(headers.authorization?.slice('Bearer '.length) ?? '')
    expect(cnf).toEqual({ 'x5t#S256': certificateThumbprint })
  }
})
