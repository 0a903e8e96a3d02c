// Installs the packages and compiles the sources. On a fresh clone this needs the network.
import { run } from './steps.js'

const install = ['install', '--frozen-lockfile', '--config.confirmModulesPurge=false', '--loglevel=error']

export async function setup() {
  await run({ name: 'install packages', command: ['npx', '--yes', 'pnpm@12', ...install] })
  await run({ name: 'compile', command: ['tsc', '-b'] })
  await run({ name: 'bundle', command: ['node', 'scripts/build.js'] })
}

if (process.argv[1] === import.meta.filename) await setup()
