// The exercise of a client in every project, against the servers of the run, which counts the requests there.
const assert = require('node:assert/strict')

const worlds = JSON.parse(process.env.MCA_AUTH_WORLDS ?? '{}')

/** The servers of this client: the URL of the API, credentials that get a token, and those that do not. */
exports.worldOf = (client) => worlds[client]

/**
 * Many calls at once, and one after every token was revoked.
 *
 * @param {string} client
 * @param {(url: string) => Promise<number>} send Returns the status.
 */
exports.exercise = async (client, send) => {
  const { api } = worlds[client]
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => send(`${api}/many/${i}`)))
  const statuses = [...many, await send(`${api}/revoke`), await send(`${api}/after`)]
  assert.deepEqual(
    statuses,
    statuses.map(() => 200),
    client,
  )
}

/**
 * A call without an available token must not be sent, and its error must say why.
 *
 * @param {string} client
 * @param {(url: string) => Promise<unknown>} send With the credentials that are denied.
 * @returns {Promise<any>} Its error.
 */
exports.failureOf = async (client, send) => {
  const { api } = worlds[client]
  const error = await send(`${api}/never`).then(
    () => assert.fail(`${client} sent a request without a token`),
    (reason) => reason,
  )
  assert.equal(error.code, 'TOKEN_REQUEST_REFUSED', `${client}: ${error.stack}`)
  return error
}
