// npm run docs: builds the site into `site/dist`. With `--serve` it is then served on this machine.
import { join } from 'node:path'
import { build } from 'vitepress'
import { prepare } from './prepare.js'
import { serve } from './serve.js'

await prepare()
await build(import.meta.dirname)
console.log(`The site is in ${join(import.meta.dirname, 'dist')}`)
if (process.argv.includes('--serve')) {
  const { address } = await serve()
  console.log(`Served at ${address} until you press Ctrl+C`)
}
