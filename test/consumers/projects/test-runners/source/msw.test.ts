import { strict as assert } from 'node:assert'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import axios from 'axios'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'

const credentials = { tokenEndpoint: 'https://auth.example.com/token', clientId: 'orders', secret: 'not-a-real-secret' }
const origins = 'https://orders.example.com'

let tokens = 0
let valid = ''
const server = setupServer(
  http.post('https://auth.example.com/token', () => {
    tokens += 1
    valid = `fake-${tokens}`
    return HttpResponse.json({ access_token: valid, token_type: 'Bearer', expires_in: 3600 })
  }),
  http.get(`${origins}/orders`, ({ request }) =>
    request.headers.get('authorization') === `Bearer ${valid}`
      ? HttpResponse.json([])
      : new HttpResponse('Unauthorized', { status: 401, headers: { 'www-authenticate': 'Bearer' } }),
  ),
)

// Created when the module is loaded, as in applications: before a test mocks the network.
const fetch = fetchAuth({ ...credentials, origins })
const api = axios.create({ baseURL: origins })
api.interceptors.request.use(axiosAuth(credentials))

async function check(send: () => Promise<number>): Promise<void> {
  server.listen({ onUnhandledRequest: 'error' })
  try {
    tokens = 0
    assert.deepEqual(new Set(await Promise.all(Array.from({ length: 20 }, send))), new Set([200]))
    assert.equal(tokens, 1)
    valid = ''
    assert.equal(await send(), 200)
    assert.equal(tokens, 2)
  } finally {
    server.close()
  }
}

test('msw answers axios in place of the token endpoint and the API', async () => {
  await check(async () => (await api.get('/orders')).status)
})

test('msw answers fetch in place of the token endpoint and the API', async () => {
  await check(async () => (await fetch(`${origins}/orders`)).status)
})
