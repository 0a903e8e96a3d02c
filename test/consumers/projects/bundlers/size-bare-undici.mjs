import { Agent, request } from 'undici'

const dispatcher = new Agent()
request(process.env.ORIGIN, { dispatcher }).then(console.log)
