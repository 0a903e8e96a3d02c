import { startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, it, vi } from 'vitest'
import { play, resourceFaults } from './resource.ts'
import { clients } from './subjects.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

describe.each(clients)('$name', (subject) => {
  it.each(resourceFaults)('$fault: $sees', async (fault) => {
    await using server = await startAuthorizationServer()
    await play(fault, subject, server)
  })
})
