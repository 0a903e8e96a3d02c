import axios from 'axios'
// What adapters ask of core, through the lightest of them: the contract over axios, without what is axios' own part.
import { axiosClient } from '../adapters/axios-client.ts'
import { contract } from '../adapters/contract.ts'

const client = axiosClient('axios, http adapter', axios, { adapter: 'http' })
contract({ ...client, resendable: {}, followsRedirects: false })
