const { McaAuthError } = require('@mca-auth/core')
const clients = require('./clients.cjs')

const [client] = process.argv.slice(2)
const { mcaAuth } = require(`@mca-auth/${client}`)
const required = client === 'fetch' ? {} : require(client)
clients[client]({ ...required, [client]: required.default ?? required, mcaAuth, McaAuthError }).catch((error) => {
  console.error(error)
  process.exitCode = 1
})
