import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { exerciseService } from './exercise-service.js'
import { AppModule } from './service.js'

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error'] })
  try {
    await exerciseService(app)
  } finally {
    await app.close()
  }
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
