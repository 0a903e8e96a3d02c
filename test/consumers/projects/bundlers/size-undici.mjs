import { mcaAuth } from '@mca-auth/undici'
import { Agent, request } from 'undici'

const dispatcher = new Agent().compose(mcaAuth({ origins: process.env.ORIGIN }))
request(process.env.ORIGIN, { dispatcher }).then(console.log)
