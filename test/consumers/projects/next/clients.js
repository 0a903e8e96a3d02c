import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import axios from 'axios'
import { worldOf } from './exercise.cjs'

function axiosWith({ api, ...access }, credentials) {
  const client = axios.create()
  client.interceptors.request.use(axiosAuth({ ...access[credentials], origins: api }))
  return async (url) => (await client.get(url)).status
}

function fetchWith({ api, ...access }, credentials) {
  const fetch = fetchAuth({ ...access[credentials], origins: api })
  return async (url) => (await fetch(url)).status
}

/** The clients by name, with their credentials. */
export const clients = {
  axios: axiosWith(worldOf('axios'), 'credentials'),
  'axios-denied': axiosWith(worldOf('axios'), 'denied'),
  fetch: fetchWith(worldOf('fetch'), 'credentials'),
  'fetch-denied': fetchWith(worldOf('fetch'), 'denied'),
}
