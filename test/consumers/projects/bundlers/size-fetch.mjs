import { mcaAuth } from '@mca-auth/fetch'

const client = mcaAuth({ origins: process.env.ORIGIN })
client(process.env.ORIGIN).then(console.log)
