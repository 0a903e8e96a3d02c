import { strict as assert } from 'node:assert'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import axios from 'axios'
import nock from 'nock'

const credentials = { tokenEndpoint: 'https://auth.example.com/token', clientId: 'orders', secret: 'not-a-real-secret' }
const origins = 'https://orders.example.com'

/** Two tokens, each issued once, and an API that accepts the first one for the first calls only. */
function mock(): void {
  nock.disableNetConnect()
  for (const access_token of ['fake-1', 'fake-2']) {
    nock('https://auth.example.com').post('/token').reply(200, { access_token, token_type: 'Bearer', expires_in: 3600 })
  }
  const api = (token: string) => nock(origins, { reqheaders: { authorization: `Bearer ${token}` } }).get('/orders')
  api('fake-1').times(20).reply(200, { orders: [] })
  api('fake-1').reply(401, 'Unauthorized', { 'www-authenticate': 'Bearer error="invalid_token"' })
  api('fake-2').reply(200, { orders: [] })
}

async function check(send: () => Promise<number>): Promise<void> {
  mock()
  try {
    assert.deepEqual(new Set(await Promise.all(Array.from({ length: 20 }, send))), new Set([200]))
    assert.equal(await send(), 200)
    assert.deepEqual(nock.pendingMocks(), [])
  } finally {
    nock.cleanAll()
    nock.enableNetConnect()
    nock.restore()
    nock.activate()
  }
}

test('nock answers axios in place of the token endpoint and the API', async () => {
  const api = axios.create({ baseURL: origins })
  api.interceptors.request.use(axiosAuth(credentials))
  await check(async () => (await api.get('/orders')).status)
  nock.restore()
})

test('nock answers fetch in place of the token endpoint and the API', async () => {
  nock.activate()
  const fetch = fetchAuth({ ...credentials, origins })
  await check(async () => (await fetch(`${origins}/orders`)).status)
  nock.restore()
})
