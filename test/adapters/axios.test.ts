import { axiosClient } from './axios-client.ts'
import { contract } from './contract.ts'

contract(axiosClient('axios, http adapter', { adapter: 'http' }))
contract(axiosClient('axios, fetch adapter', { adapter: 'fetch' }))
contract(axiosClient('axios, default adapter', {}))
