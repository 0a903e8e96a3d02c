// The tests of core over its sources, so that Stryker can mutate them; `npm test` runs the same tests over the build.
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import base from '../vitest.config.ts'

const packages = join(import.meta.dirname, '../../packages')

export default defineConfig({
  root: join(import.meta.dirname, '..'),
  resolve: {
    alias: [
      { find: '@mca-auth/core/adapter', replacement: `${packages}/core/src/adapter.ts` },
      { find: /^@mca-auth\/(core|axios)$/, replacement: `${packages}/$1/src/index.ts` },
    ],
  },
  test: {
    ...base.test,
    include: ['core/*.test.ts', 'fuzz/*.test.ts', 'simulation/*.test.ts', 'mutation/*.test.ts'],
    // They test the build, which does not contain the mutants.
    exclude: ['core/copies.test.ts'],
    env: { ...base.test?.env, SCHEDULES: '40' },
    testTimeout: 4_000,
  },
})
