import { strict as assert } from 'node:assert'
import { mcaAuth } from '@mca-auth/axios'
import axios, { type AxiosRequestConfig } from 'axios'
import MockAdapter from 'axios-mock-adapter'

test('axios-mock-adapter answers in place of the API', async () => {
  let tokens = 0
  let valid = ''
  const api = axios.create({ baseURL: 'https://orders.example.com' })
  api.interceptors.request.use(
    mcaAuth({
      tokenEndpoint: 'https://auth.example.com/token',
      clientId: 'orders',
      secret: 'not-a-real-secret',
      fetch: async () => {
        tokens += 1
        valid = `fake-${tokens}`
        return Response.json({ access_token: valid, expires_in: 3600 })
      },
    }),
  )
  // It has the types of axios' CommonJS build.
  const mock = new MockAdapter(api as never)
  mock.onGet('/orders').reply(({ headers }: AxiosRequestConfig) => {
    const isValid = headers?.Authorization === `Bearer ${valid}`
    return isValid ? [200, []] : [401, 'Unauthorized', { 'www-authenticate': 'Bearer' }]
  })
  mock.onGet('/gone').reply(404)

  await Promise.all(Array.from({ length: 20 }, () => api.get('/orders')))
  assert.equal(tokens, 1)
  valid = ''
  assert.equal((await api.get('/orders')).status, 200)
  assert.equal(tokens, 2)
  await assert.rejects(api.get('/gone'), (error) => axios.isAxiosError(error) && error.response?.status === 404)
})
