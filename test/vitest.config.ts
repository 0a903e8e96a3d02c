import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['mutation/**', 'consumers/**', '**/node_modules/**'],
    // An unhandled rejection fails the whole run. This is the default, made explicit because the README promises it.
    dangerouslyIgnoreUnhandledErrors: false,
    pool: 'forks',
    // The tests spend much of their time waiting.
    maxWorkers: Math.max(6, availableParallelism()),
    globalSetup: ['./leftovers/run.ts', './servers/signing-key.ts'],
    setupFiles: ['./leftovers/file.ts', './patience.ts', './servers/loopback-names.ts', './servers/signing-key.ts'],
    // For tests that hang. Long enough for a slow or busy machine; a fast one never waits for it.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 120_000 } },
    // The log of the tested packages' peers matters only if a test fails.
    silent: 'passed-only',
    // Self-signed certificates of the tests' own servers.
    env: { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' },
  },
})
