import axios from 'axios'

const client = axios.create()
client.get(process.env.ORIGIN).then(console.log)
