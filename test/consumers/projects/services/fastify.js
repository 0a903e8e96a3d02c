// A service that calls the API with undici: on its own behalf, and on behalf of its callers.
import { forwardIncoming } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/undici'
import fastify from 'fastify'
import { Agent, request } from 'undici'
import { worldOf } from './exercise.cjs'
import { exerciseService } from './exercise-service.js'

const clientWith = (options) => {
  const dispatcher = new Agent().compose(mcaAuth({ ...options, origins: worldOf('undici').api }))
  return async (url) => {
    const { statusCode, body } = await request(url, { dispatcher })
    const text = await body.text()
    return { status: statusCode, data: text.startsWith('{') ? JSON.parse(text) : text }
  }
}
const { credentials, denied } = worldOf('undici')
const own = clientWith(credentials)
const forwarding = clientWith({ ...credentials, incoming: 'forward' })

const app = fastify()
app.addHook('onRequest', (incoming, _reply, done) => forwardIncoming(incoming.raw, done))
app.get('/own', ({ query }) => own(query.url))
app.get('/forwarded', ({ query }) => forwarding(query.url))
const origin = await app.listen({ port: 0, host: '127.0.0.1' })
try {
  await exerciseService('undici', origin, clientWith(denied))
} finally {
  await app.close()
}
