import { mcaAuth } from '@mca-auth/axios'
import axios from 'axios'

const client = axios.create()
client.interceptors.request.use(mcaAuth({ origins: process.env.ORIGIN }))
client.get(process.env.ORIGIN).then(console.log)
