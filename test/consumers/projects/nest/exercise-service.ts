import { strict as assert } from 'node:assert'
import { mcaAuth } from '@mca-auth/axios'
import { McaAuthError } from '@mca-auth/core'
import { HttpService } from '@nestjs/axios'
import type { INestApplication } from '@nestjs/common'
import axios, { AxiosError } from 'axios'
import { firstValueFrom } from 'rxjs'
import { exercise, failureOf, worldOf } from './exercise.cjs'

/** Calls the service, which calls the API. */
export async function exerciseService(app: INestApplication): Promise<void> {
  await app.listen(0, '127.0.0.1')
  const origin = (await app.getUrl()).replace('[::1]', '127.0.0.1')
  await exercise('axios', async (url) => {
    const { data } = await axios.get<{ status: number }>(`${origin}/orders`, { params: { url } })
    return data.status
  })
  const { api, denied } = worldOf('axios')
  const http = new HttpService(axios.create())
  http.axiosRef.interceptors.request.use(mcaAuth({ ...denied, origins: api }))
  const error = await failureOf('axios', (url) => firstValueFrom(http.get(url)))
  assert(error instanceof AxiosError && error.cause instanceof McaAuthError)
}
