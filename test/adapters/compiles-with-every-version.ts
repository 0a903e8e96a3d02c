// Never run: if it compiles, the adapters fit the types of every version of their clients.
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { clientCertificate } from '@mca-auth/core'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios from 'axios'
import oldestAxios from 'axios-oldest'
import { got } from 'got'
import got15 from 'got15'
import got16 from 'got16'
import { Agent, fetch as undiciFetch } from 'undici'
import { Agent as Agent6 } from 'undici6'
import { Agent as Agent8 } from 'undici8'

axios.interceptors.request.use(axiosAuth())
oldestAxios.interceptors.request.use(axiosAuth())
got.extend(gotAuth())
got15.extend(gotAuth())
got16.extend(gotAuth())
new Agent6().compose(undiciAuth())
new Agent().compose(undiciAuth())
new Agent8().compose(undiciAuth())
fetchAuth({}, { fetch: globalThis.fetch })
fetchAuth({}, { fetch: undiciFetch as never })
const { connect } = clientCertificate({ cert: '/tls/tls.crt', key: '/tls/tls.key' })
new Agent6({ connect })
new Agent({ connect })
new Agent8({ connect })
