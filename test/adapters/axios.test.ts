import { everyClient } from '../size.ts'
import { axiosClient } from './axios-client.ts'
import { contract } from './contract.ts'
import { axioses } from './versions.ts'

for (const axios of Object.values(await axioses())) {
  const ordinary = axiosClient(`axios ${axios.VERSION}, default adapter`, axios, {})
  contract({ ...ordinary, isTypical: axios.VERSION !== '1.8.2' })
  if (axios.VERSION === '1.8.2' && !everyClient) continue
  contract(axiosClient(`axios ${axios.VERSION}, fetch adapter`, axios, { adapter: 'fetch' }))
  if (everyClient) contract(axiosClient(`axios ${axios.VERSION}, http adapter`, axios, { adapter: 'http' }))
}
