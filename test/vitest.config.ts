import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['mutation/**', 'consumers/**', '**/node_modules/**'],
    // A rejection that nobody handles fails the whole run: the default, said here because the README promises it.
    dangerouslyIgnoreUnhandledErrors: false,
    pool: 'forks',
    // Much of the time is waited, not worked.
    maxWorkers: Math.max(4, availableParallelism()),
    globalSetup: ['./leftovers/run.ts'],
    setupFiles: ['./leftovers/file.ts', './patience.ts', './servers/loopback-names.ts'],
    // For what hangs. A slow or busy machine is not to fail a test, nor does a fast one ever wait for this.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 120_000 } },
    // What the tests' peers log is worth reading where a test fails.
    silent: 'passed-only',
    // Self-signed certificates of the tests' own servers.
    env: { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' },
  },
})
