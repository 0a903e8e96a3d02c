import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CachingTokenProvider, createTokenProvider } from '@mca-auth/core'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import mca from 'bms-mca-token-validation-strategy'
import express, { type RequestHandler } from 'express'
import appId from 'ibmcloud-appid'
import passport from 'passport'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { clients } from '../faults/subjects.ts'

const tenantId = 'not-a-real-tenant'
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

let server: AuthorizationServer
let listening: Server
let received: (string | undefined)[]

afterEach(async () => {
  listening.closeAllConnections()
  listening.close()
  await server.close()
})

/** A resource behind one of IBM's strategies, which fetches the public keys of our authorization server. */
async function protect(strategy: object, name: string, options: object): Promise<string> {
  const authenticator = new passport.Passport()
  authenticator.use(strategy)
  const app = express()
  received = []
  app.use((incoming, _response, next) => {
    received.push(incoming.headers.authorization)
    next()
  })
  app.use(authenticator.authenticate(name, { session: false, ...options }) as RequestHandler)
  app.get('/', (_request, response) => {
    response.end()
  })
  listening = app.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`
}

/** A token response whose token has expired, although it claims a lifetime of an hour. */
async function overAlready(provider: CachingTokenProvider): Promise<{ body: object }> {
  server.lifetimeSeconds = -10
  const { accessToken } = await provider.getToken()
  provider.clear()
  server.lifetimeSeconds = 3600
  return { body: { access_token: accessToken, token_type: 'Bearer', expires_in: 3600 } }
}

describe.each(clients)("IBM's own strategies accept what $name sends:", ({ start: begin }) => {
  const make = (provider: CachingTokenProvider) => begin(provider).call

  describe("App ID's APIStrategy", () => {
    beforeEach(async () => {
      server = await startAuthorizationServer({ tenantId })
    })

    const start = (options = {}) => {
      const { oauthServerUrl } = server.appId
      return protect(new appId.APIStrategy({ oauthServerUrl }), appId.APIStrategy.STRATEGY_NAME, options)
    }

    it('a token with the required audience and scope', async () => {
      server.scope = 'appid_default read write'
      const url = await start({ audience: server.clientId, scope: 'read' })
      await using provider = createTokenProvider(server.appId)
      const send = make(provider)
      expect(await Promise.all([send(url), send(url), send(url)])).toEqual([200, 200, 200])
      expect(server.tokenRequests).toBe(1)
    })

    it('another token for one that it rejects', async () => {
      const url = await start()
      await using provider = createTokenProvider(server.appId)
      server.script(await overAlready(provider))
      expect(await make(provider)(url)).toBe(200)
      expect(new Set(received).size).toBe(2)
    })

    it('no other token if the scope is missing, for which it responds 401', async () => {
      const url = await start({ scope: 'write' })
      await using provider = createTokenProvider(server.appId)
      expect(await make(provider)(url)).toBe(401)
      expect(received).toHaveLength(1)
      expect(server.tokenRequests).toBe(1)
    })

    it('no storm if it rejects every token, such as those of version 3', async () => {
      await server.close()
      server = await startAuthorizationServer({ tenantId, version: 3 })
      const url = await start()
      await using provider = createTokenProvider(server.appId)
      const send = make(provider)
      for (let i = 0; i < 10; i++) expect(await send(url)).toBe(401)
      expect(server.tokenRequests).toBeLessThanOrEqual(5)
    })
  })

  describe("MCA's backend strategy", () => {
    beforeEach(async () => {
      server = await startAuthorizationServer({ tenantId })
      const credentials = { tenantId, serverUrl: server.mca.serverUrl }
      vi.stubEnv('VCAP_SERVICES', JSON.stringify({ AdvancedMobileAccess: [{ credentials }] }))
    })

    afterEach(() => vi.unstubAllEnvs())

    // It keeps its first reading of the environment until the process ends.
    const start = () => {
      const { serverUrl } = server.mca
      const strategy = new mca.MCABackendStrategy({ logger: quiet })
      return protect(Object.assign(strategy, { serverUrl }), strategy.name, {})
    }

    it('a token of its tenant', async () => {
      const url = await start()
      await using provider = createTokenProvider(server.mca)
      const send = make(provider)
      expect(await Promise.all([send(url), send(url), send(url)])).toEqual([200, 200, 200])
      expect(server.tokenRequests).toBe(1)
    })

    it('another token for one that it rejects', async () => {
      const url = await start()
      await using provider = createTokenProvider(server.mca)
      server.script(await overAlready(provider))
      expect(await make(provider)(url)).toBe(200)
      expect(new Set(received).size).toBe(2)
    })

    it('its 401 for another tenant', async () => {
      const url = await start()
      await using others = await startAuthorizationServer({ tenantId: 'another-tenant' })
      await using provider = createTokenProvider(others.mca)
      expect(await make(provider)(url)).toBe(401)
      expect(others.tokenRequests).toBeLessThanOrEqual(2)
    })
  })
})
