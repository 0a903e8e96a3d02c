import { strict as assert } from 'node:assert'
import { mcaAuth } from '@mca-auth/axios'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import axios from 'axios'

test('the servers of @mca-auth/testing run inside a test', async () => {
  const server = await startAuthorizationServer()
  const resource = await startProtectedResource({ authorizationServer: server })
  try {
    const api = axios.create({ baseURL: resource.origin })
    api.interceptors.request.use(mcaAuth(server.appId))
    await Promise.all(Array.from({ length: 20 }, () => api.get('/orders')))
    assert.equal(server.tokenRequests, 1)
    server.revokeAll()
    assert.equal((await api.get('/orders')).status, 200)
    assert.equal(server.tokenRequests, 2)
    assert.deepEqual(
      [...resource.answers],
      [
        [200, 21],
        [401, 1],
      ],
    )
  } finally {
    await resource.close()
    await server.close()
  }
})
