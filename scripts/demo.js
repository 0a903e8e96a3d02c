// npm run demo: shows what it is doing until the demo itself can run.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setup } from './setup.js'

if (!existsSync(join(import.meta.dirname, '../node_modules'))) {
  console.log('The first time, this downloads packages and compiles: about a minute.')
}
await setup()
console.log()
await import('../packages/examples/dist/demo.js')
