// npm test: everything that a change must pass, the quickest checks first.
import { setup } from './setup.js'
import { run, total } from './steps.js'

await setup()
await run(
  { name: 'lint', command: ['biome', 'ci', '.'] },
  { name: 'unused code', command: ['knip'] },
  { name: 'types', command: ['tsc', '-p', 'test/tsconfig.json'] },
)
await run({ name: 'tests', command: ['vitest', 'run', '--root', 'test', ...process.argv.slice(2)], live: true })
total('npm test passed')
