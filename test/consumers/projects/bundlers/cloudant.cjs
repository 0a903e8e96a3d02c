// A client of IBM's SDK, which has its own axios. Bundled, it is one file.
const { CloudantV1 } = require('@ibm-cloud/cloudant')
const { McaAuthenticator } = require('@mca-auth/ibm-cloud-sdk')
const assert = require('node:assert/strict')
const { exercise, worldOf } = require('./exercise.cjs')

function clientWith(credentials, api) {
  const client = new CloudantV1({ authenticator: new McaAuthenticator({ ...credentials, origins: api }) })
  client.setServiceUrl(api)
  return client
}

async function main() {
  const { api, credentials, denied } = worldOf('cloudant')
  const client = clientWith(credentials, api)
  const send = (one) => (url) =>
    one.createRequest({
      options: { url: new URL(url).pathname, method: 'GET' },
      defaultOptions: { serviceUrl: api, headers: {}, axiosOptions: {}, ...one.baseOptions },
    })
  await exercise('cloudant', async (url) => (await send(client)(url)).status)
  await assert.rejects(send(clientWith(denied, api))(`${api}/never`), /denied/)
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
