import axios from 'axios'
// Core as adapters use it, through the lightest of them: the contract over axios, without the parts that are specific to axios.
import { axiosClient } from '../adapters/axios-client.ts'
import { contract } from '../adapters/contract.ts'

const client = axiosClient('axios, http adapter', axios, { adapter: 'http' })
contract({ ...client, resendable: {}, followsRedirects: false })
