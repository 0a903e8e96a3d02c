// A function as a platform runs it: the module is loaded once, each event calls the handler, and between two events the
// process may be frozen for any time. Events come through the IPC channel here.
const { mcaAuth } = require('@mca-auth/axios')
const axios = require('axios')
const { worldOf } = require('./exercise.cjs')

const { api, credentials, denied } = worldOf('axios')
const clientWith = (options) => {
  const client = axios.create()
  client.interceptors.request.use(mcaAuth({ ...options, origins: api }))
  return client
}
const clients = { own: clientWith(credentials), denied: clientWith(denied) }

async function handler({ url, client }) {
  const { status } = await clients[client].get(url)
  return { status }
}

/** Time continues while the process is frozen. */
const now = Date.now
let frozenMs = 0
Date.now = () => now() + frozenMs

process.on('message', ({ id, event, thawedAfterMs = 0 }) => {
  frozenMs += thawedAfterMs
  if (event === undefined) return
  handler(event).then(
    (result) => process.send({ id, result }),
    ({ code, message }) => process.send({ id, error: { code, message } }),
  )
})
