import 'reflect-metadata'
import { Test } from '@nestjs/testing'
import { exerciseService } from './exercise-service.js'
import { AppModule } from './service.js'

test('a Nest service sends a token', async () => {
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile()
  const app = module.createNestApplication()
  try {
    await exerciseService(app)
  } finally {
    await app.close()
  }
}, 60_000)
