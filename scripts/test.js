// npm test: what a change must pass first, the quickest checks first. CI runs more: see .ci/run.
import { setup } from './setup.js'
import { run, total } from './steps.js'

await setup()
await run(
  { name: 'lint', command: ['biome', 'ci', '.'] },
  { name: 'unused code', command: ['knip'] },
  { name: 'types', command: ['tsc', '-p', 'test/tsconfig.json'] },
)
// `npm run test:processes` runs these, in full size.
const onManyProcesses = ['file-cache/{contention,file-systems,fleet,interrupted}.test.ts', 'redis/fleet.test.ts']
const tests = ['vitest', 'run', '--root', 'test', ...onManyProcesses.map((files) => `--exclude=${files}`)]
await run({ name: 'tests', command: [...tests, ...process.argv.slice(2)], live: true })
total('npm test passed')
