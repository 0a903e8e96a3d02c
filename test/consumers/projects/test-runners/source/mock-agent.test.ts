import { strict as assert } from 'node:assert'
import { mcaAuth } from '@mca-auth/undici'
import { fetch, MockAgent, request } from 'undici'

const origins = 'https://orders.example.com'

test("undici's MockAgent answers in place of the token endpoint and the API", async () => {
  const agent = new MockAgent()
  agent.disableNetConnect()
  let tokens = 0
  let valid = ''
  const json = { headers: { 'content-type': 'application/json' } }
  agent
    .get('https://auth.example.com')
    .intercept({ path: '/token', method: 'POST' })
    .reply(() => {
      tokens += 1
      valid = `fake-${tokens}`
      return { statusCode: 200, data: { access_token: valid, expires_in: 3600 }, responseOptions: json }
    })
    .persist()
  agent
    .get(origins)
    .intercept({ path: '/orders' })
    .reply(({ headers }) => {
      const { authorization } = headers as Record<string, string>
      return authorization === `Bearer ${valid}`
        ? { statusCode: 200, data: '[]' }
        : { statusCode: 401, data: 'no', responseOptions: { headers: { 'www-authenticate': 'Bearer' } } }
    })
    .persist()

  const dispatcher = agent.compose(
    mcaAuth({
      tokenEndpoint: 'https://auth.example.com/token',
      clientId: 'orders',
      secret: 'not-a-real-secret',
      origins,
      // Token requests do not go through a dispatcher of the application.
      fetch: ((url: string, init: object) => fetch(url, { ...init, dispatcher: agent })) as never,
    }),
  )
  const send = async () => {
    const { statusCode, body } = await request(`${origins}/orders`, { dispatcher })
    await body.text()
    return statusCode
  }
  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 20 }, send))), new Set([200]))
  assert.equal(tokens, 1)
  valid = ''
  assert.equal(await send(), 200)
  assert.equal(tokens, 2)
  await agent.close()
})
