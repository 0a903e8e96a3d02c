// A service that calls the API with axios: on its own behalf, and on behalf of its callers.
import { once } from 'node:events'
import { mcaAuth } from '@mca-auth/axios'
import { forwardIncoming } from '@mca-auth/core'
import axios from 'axios'
import express from 'express'
import { worldOf } from './exercise.cjs'
import { exerciseService } from './exercise-service.js'

const clientWith = (options) => {
  const client = axios.create()
  client.interceptors.request.use(mcaAuth({ ...options, origins: worldOf('axios').api }))
  return async (url) => {
    const { status, data } = await client.get(url)
    return { status, data }
  }
}
const { credentials, denied } = worldOf('axios')
const own = clientWith(credentials)
const forwarding = clientWith({ ...credentials, incoming: 'forward' })

const app = express()
app.use((request, _response, next) => forwardIncoming(request, next))
app.get('/own', async ({ query }, response) => response.json(await own(query.url)))
app.get('/forwarded', async ({ query }, response) => response.json(await forwarding(query.url)))
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
try {
  await exerciseService('axios', `http://127.0.0.1:${server.address().port}`, clientWith(denied))
} finally {
  server.close()
  server.closeAllConnections()
}
