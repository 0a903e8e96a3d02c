import { mcaAuth } from '@mca-auth/axios'
import { HttpModule, HttpService } from '@nestjs/axios'
import { Controller, Get, Inject, Module, type OnModuleInit, Query } from '@nestjs/common'
import { firstValueFrom } from 'rxjs'
import { worldOf } from './exercise.cjs'

/** A service whose HttpService attaches a token, by an interceptor as in the documentation of `@nestjs/axios`. */
@Controller()
export class OrdersController implements OnModuleInit {
  constructor(@Inject(HttpService) private readonly http: HttpService) {}

  onModuleInit(): void {
    const { api, credentials } = worldOf('axios')
    this.http.axiosRef.interceptors.request.use(mcaAuth({ ...credentials, origins: api }))
  }

  @Get('orders')
  async orders(@Query('url') url: string): Promise<{ status: number }> {
    const { status } = await firstValueFrom(this.http.get(url))
    return { status }
  }
}

@Module({ imports: [HttpModule], controllers: [OrdersController] })
export class AppModule {}
