import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileTokenCache } from '@mca-auth/file-cache'
import { sharedTokenCacheContract } from '@mca-auth/testing'
import { afterAll, describe, it } from 'vitest'

describe('the shared cache in files', () => {
  const parent = mkdtempSync(join(tmpdir(), 'mca-auth-file-cache-'))
  afterAll(() => rmSync(parent, { recursive: true }))
  const directory = join(parent, 'tokens')

  for (const { name, check } of sharedTokenCacheContract()) {
    it.concurrent(name, () => check(fileTokenCache({ directory })))
  }
})
