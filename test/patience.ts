// By default, `vi.waitFor` gives up after a second, which is a guess about the machine.
import { vi } from 'vitest'

const waitFor = vi.waitFor
vi.waitFor = (callback, options) =>
  waitFor(callback, { timeout: 120_000, ...(typeof options === 'number' ? { timeout: options } : options) })
