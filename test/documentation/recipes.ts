// The trials of the recipes that have a file name.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type ChannelCredentials,
  type Client,
  Server as GrpcServer,
  makeGenericClientConstructor,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { createTokenProvider, type TokenProvider } from '@mca-auth/core'
import type { AuthorizationServer, ProtectedResource } from '@mca-auth/testing'
import { NestFactory } from '@nestjs/core'
import type { Express } from 'express'
import { generate } from 'selfsigned'
import { expect } from 'vitest'

interface World {
  readonly authorizationServer: AuthorizationServer
  readonly orders: ProtectedResource
}

interface OrdersService {
  find(id: string): Promise<unknown>
}

interface GrpcCredentials {
  credentialsWithToken(provider: TokenProvider, rootCertificate: Buffer): ChannelCredentials
  withNewToken<T>(provider: TokenProvider, call: () => Promise<T>): Promise<T>
}

/** A trial states which exports of its file it uses, so none fits them all. */
export const recipes: Readonly<Record<string, (exports: never, world: World) => Promise<void>>> = {
  async 'orders.module.ts'(
    { OrdersModule, OrdersService }: { OrdersModule: new () => object; OrdersService: new () => OrdersService },
    { orders },
  ) {
    const app = await NestFactory.createApplicationContext(OrdersModule, { logger: false })
    try {
      expect(await app.get(OrdersService).find('17')).toMatchObject({ path: '/orders/17' })
      expect([...orders.answers]).toEqual([[200, 1]])
    } finally {
      await app.close()
    }
  },

  async 'app/orders/route.ts'({ GET }: { GET: () => Promise<Response> }, { orders }) {
    const response = await GET()
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ path: '/orders' })
    expect([...orders.answers]).toEqual([[200, 1]])
  },

  async 'service.ts'({ app }: { app: Express }, { authorizationServer, orders }) {
    const { accessToken } = await createTokenProvider(authorizationServer.appId).getToken()
    await listening(app.listen(0, '127.0.0.1'), async (origin) => {
      const alice = await fetch(`${origin}/mine`, { headers: { authorization: `Bearer ${accessToken}` } })
      expect(alice.status).toBe(200)
      const anonymous = await fetch(`${origin}/mine`)
      expect(anonymous.status).toBe(401)
      const sent = orders.received.map(({ headers }) => headers.authorization)
      expect(sent).toEqual([`Bearer ${accessToken}`, undefined])
    })
  },

  async 'handler.ts'(
    { handler }: { handler: (event: { id: string }) => Promise<{ statusCode: number; body: string }> },
    { authorizationServer, orders },
  ) {
    const results = await Promise.all(['1', '2', '3'].map((id) => handler({ id })))
    expect(results.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
    expect(JSON.parse(results[0]?.body ?? '')).toMatchObject({ path: '/orders/1' })
    expect([authorizationServer.tokenRequests, orders.received.length]).toEqual([1, 3])
  },

  async 'grpc-credentials.ts'({ credentialsWithToken, withNewToken }: GrpcCredentials, { authorizationServer }) {
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }])
    const server = new GrpcServer()
    const statuses: number[] = []
    server.addService(orderService, {
      async Find({ metadata }: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
        const token = String(metadata.get('authorization')[0]).replace('Bearer ', '')
        const code = (await authorizationServer.verify(token)) ? status.OK : status.UNAUTHENTICATED
        statuses.push(code)
        callback(code === status.OK ? null : { code }, Buffer.from('an order'))
      },
    })
    const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }
    const provider = createTokenProvider()
    let client: Client | undefined
    try {
      const port = await promised<number>((done) =>
        server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), done),
      )
      const OrdersClient = makeGenericClientConstructor(orderService, 'Orders')
      const channel = credentialsWithToken(provider, Buffer.from(cert))
      const orders = new OrdersClient(`127.0.0.1:${port}`, channel, { 'grpc.ssl_target_name_override': 'localhost' })
      client = orders
      const find = () => promised<Buffer>((done) => orders.Find?.(Buffer.from('17'), done))
      expect((await withNewToken(provider, find)).toString()).toBe('an order')
      authorizationServer.revokeAll()
      expect((await withNewToken(provider, find)).toString()).toBe('an order')
      expect(statuses).toEqual([status.OK, status.UNAUTHENTICATED, status.OK])
    } finally {
      client?.close()
      server.forceShutdown()
    }
  },

  async 'proxy.ts'({ proxy }: { proxy: Server }, { orders }) {
    await listening(proxy.listen(0, '127.0.0.1'), async (origin) => {
      const get = await fetch(`${origin}/orders?state=open`, { headers: { authorization: 'Bearer of-somebody' } })
      expect([get.status, await get.json()]).toEqual([200, expect.objectContaining({ path: '/orders?state=open' })])
      const post = await fetch(`${origin}/orders`, { method: 'POST', body: 'a new order' })
      expect(await post.json()).toMatchObject({ method: 'POST', body: 'a new order' })
      const { accessToken } = await createTokenProvider().getToken()
      expect(accessToken).not.toBe('')
      for (const { headers } of orders.received) expect(headers.authorization).toMatch(/^Bearer ey/)
    })
  },
}

const asBytes = (value: Buffer) => value
const orderService = {
  Find: {
    path: '/Orders/Find',
    requestStream: false,
    responseStream: false,
    requestSerialize: asBytes,
    requestDeserialize: asBytes,
    responseSerialize: asBytes,
    responseDeserialize: asBytes,
  },
} as const

function promised<T>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value as T))))
}

/** Closes the server even if the trial fails. */
async function listening(server: Server, tryIt: (origin: string) => Promise<void>): Promise<void> {
  try {
    if (!server.listening) await once(server, 'listening')
    await tryIt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}
