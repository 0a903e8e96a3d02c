import assert from 'node:assert/strict'
import { exercise, failureOf, worldOf } from './exercise.cjs'

/** Calls a service that calls the API. */
export async function exerciseService(client, origin, sendDenied) {
  const call = async (path, url, headers = {}) => {
    const response = await fetch(`${origin}${path}?url=${encodeURIComponent(url)}`, { headers })
    assert.equal(response.status, 200, await response.clone().text())
    return response.json()
  }
  await exercise(client, async (url) => (await call('/own', url)).status)
  await failureOf(client, sendDenied)
  // Each caller's own token is forwarded, and no token if there is none.
  const users = ['alice', 'bob', undefined, 'carol', undefined]
  const seen = await Promise.all(
    users.map(async (user) => {
      const headers = user === undefined ? {} : { authorization: `Bearer fake-token-of-${user}` }
      const { data } = await call('/forwarded', `${worldOf(client).api}/user`, headers)
      return data.authorization
    }),
  )
  assert.deepEqual(
    seen,
    users.map((user) => (user === undefined ? undefined : `Bearer fake-token-of-${user}`)),
  )
}
