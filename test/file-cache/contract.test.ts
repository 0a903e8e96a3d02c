import { fileTokenCache } from '@mca-auth/file-cache'
import { sharedTokenCacheContract } from '@mca-auth/testing'
import { describe, it } from 'vitest'
import { afterAllTests } from '../fleet/cleanup.ts'
import { temporaryDirectory } from './temporary-directory.ts'

describe('the shared cache in files', () => {
  const directory = temporaryDirectory(afterAllTests())

  for (const { name, check } of sharedTokenCacheContract()) {
    it.concurrent(name, () => check(fileTokenCache({ directory })))
  }
})
