import { axiosClient } from './axios-client.ts'
import { contract } from './contract.ts'
import { axioses } from './versions.ts'

for (const axios of Object.values(await axioses())) {
  contract(axiosClient(`axios ${axios.VERSION}, http adapter`, axios, { adapter: 'http' }))
  contract(axiosClient(`axios ${axios.VERSION}, fetch adapter`, axios, { adapter: 'fetch' }))
  contract(axiosClient(`axios ${axios.VERSION}, default adapter`, axios, {}))
}
