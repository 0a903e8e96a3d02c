import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { ChangesFollower, CloudantV1 } from '@ibm-cloud/cloudant'
import { McaAuthenticator } from '@mca-auth/ibm-cloud-sdk'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import express, { type Request, type Response } from 'express'
import couch from 'express-pouchdb'
import memory from 'pouchdb-adapter-memory'
import PouchDB from 'pouchdb-core'
import find from 'pouchdb-find'
import mapreduce from 'pouchdb-mapreduce'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

describe('Cloudant, by its real SDK, behind a bearer check', () => {
  let server: AuthorizationServer
  let close: () => Promise<void>
  let serviceUrl: string
  let refused: number
  let bare: number
  let db: string

  beforeEach(async () => {
    server = await startAuthorizationServer()
    refused = 0
    bare = 0
    db = `orders-${randomUUID()}`
  })

  afterEach(async () => {
    vi.useRealTimers()
    await server.close()
  })

  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mca-auth-couch-'))
    const Database = PouchDB.plugin(memory).plugin(mapreduce).plugin(find).defaults({ adapter: 'memory' })
    const app = express()
    app.use(async (request: Request, response: Response, next: () => void) => {
      const { authorization = '' } = request.headers
      if (authorization === '') bare++
      if (await server.verify(authorization.replace(/^Bearer /, ''))) {
        delete request.headers.authorization // CouchDB has its own users
        return next()
      }
      refused++
      response.set('www-authenticate', 'Bearer scope="appid_default", error="invalid_token"').status(401).end()
    })
    const mode = { mode: 'minimumForPouchDB', overrideMode: { include: ['routes/find'], exclude: ['compression'] } }
    app.use(couch(Database, { ...mode, inMemoryConfig: true, logPath: join(directory, 'log.txt') }))
    const listening = app.listen(0, '127.0.0.1')
    await once(listening, 'listening')
    serviceUrl = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
    close = async () => {
      listening.closeAllConnections()
      listening.close()
      await once(listening, 'close')
      rmSync(directory, { recursive: true, force: true })
    }
  })

  afterAll(() => close())

  function client(options: object = {}): CloudantV1 {
    const cloudant = new CloudantV1({ authenticator: new McaAuthenticator({ ...server.appId, ...options }) })
    cloudant.setServiceUrl(serviceUrl)
    return cloudant
  }

  it('creates a database, writes, queries, and streams its changes, while tokens are revoked', async () => {
    const cloudant = client()
    await cloudant.putDatabase({ db })
    server.revokeAll()
    await cloudant.postDocument({ db, document: { _id: 'a', item: 'tea', count: 2 } })
    server.revokeAll()
    await cloudant.postBulkDocs({ db, bulkDocs: { docs: [{ _id: 'b', item: 'milk', count: 1 }] } })
    const { result } = await cloudant.postFind({ db, selector: { count: { $gt: 1 } } })
    expect(result.docs.map((document) => document._id)).toEqual(['a'])
    server.revokeAll()
    const { result: changes } = await cloudant.postChangesAsStream({ db })
    const lines = JSON.parse(await text(changes as never)) as { results: { id: string }[] }
    expect(lines.results.map(({ id }) => id).sort()).toEqual(['a', 'b'])
    expect(server.tokenRequests).toBe(4)
    expect(refused).toBe(3)
    expect(bare).toBe(0)
  })

  it('follows a continuous feed of changes beyond the expiry of its token', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const cloudant = client()
    await cloudant.putDatabase({ db })
    await cloudant.postDocument({ db, document: { _id: 'a' } })
    const { result } = await cloudant.postChangesAsStream({ db, feed: 'continuous' })
    const seen: string[] = []
    const feed = result as unknown as Readable
    const lines = createInterface({ input: feed })[Symbol.asyncIterator]()
    for (const next of ['b', 'c', 'd', 'e']) {
      const { value } = await lines.next()
      seen.push(JSON.parse(value).id)
      vi.setSystemTime(Date.now() + 1_500_000) // tokens have a lifetime of an hour
      await cloudant.postDocument({ db, document: { _id: next } })
    }
    feed.destroy()
    expect(seen).toEqual(['a', 'b', 'c', 'd'])
    expect(server.tokenRequests).toBeGreaterThan(1)
    expect([refused, bare]).toEqual([0, 0])
  })

  it("supports the SDK's follower of changes, whose tokens expire and are revoked", async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const cloudant = client()
    await cloudant.putDatabase({ db })
    const follower = new ChangesFollower(cloudant, { db, since: '0' }, 0)
    const seen: string[] = []
    const failed = vi.fn()
    follower
      .start()
      .on('error', failed)
      .on('data', ({ id }) => seen.push(id))
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await cloudant.postDocument({ db, document: { _id: id } })
      await vi.waitFor(() => expect(seen).toContain(id))
      if (id === 'c') server.revokeAll()
      vi.setSystemTime(Date.now() + 2_000_000) // tokens have a lifetime of an hour
    }
    follower.stop()
    expect(failed).not.toHaveBeenCalled()
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(server.tokenRequests).toBeGreaterThan(2)
    expect(bare).toBe(0)
  })

  it('sends nothing if no token is available, and says why', async () => {
    const cloudant = client({ secret: 'wrong' })
    await expect(cloudant.getAllDbs()).rejects.toThrow(/denied.*invalid_client/)
    expect(bare + refused).toBe(0)
  })

  it("passes the service's own errors on", async () => {
    await expect(client().getDatabaseInformation({ db: 'none' })).rejects.toMatchObject({ status: 404 })
  })

  it('shows no token in results or errors of the SDK', async () => {
    const { inspect } = await import('node:util')
    const cloudant = client()
    const response = await cloudant.getAllDbs()
    const error = await cloudant.getDatabaseInformation({ db: 'none' }).catch((caught) => caught)
    for (const shown of [response, error]) expect(inspect(shown, { depth: 10 })).not.toMatch(/Bearer ey/)
  })
})
