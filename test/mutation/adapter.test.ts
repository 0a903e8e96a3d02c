// What adapters ask of core, through the lightest of them: the contract suite over axios.
import { axiosClient } from '../adapters/axios-client.ts'
import { contract } from '../adapters/contract.ts'

contract(axiosClient('axios, http adapter', { adapter: 'http' }))
