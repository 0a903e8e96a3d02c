// Bundles an application for Node.js: `node rollup.mjs ENTRY FILE [FORMAT]`.
import commonjs from '@rollup/plugin-commonjs'
import json from '@rollup/plugin-json'
import nodeResolve from '@rollup/plugin-node-resolve'
import terser from '@rollup/plugin-terser'
import { rollup } from 'rollup'

const [input, file, format] = process.argv.slice(2)
// undici requires node:sqlite when it is used, which Node.js 20 does not have.
const build = await rollup({
  input,
  plugins: [
    nodeResolve({ preferBuiltins: true, exportConditions: ['node'] }),
    commonjs({ ignore: ['node:sqlite'] }),
    json(),
    terser(),
  ],
  onwarn: () => {},
})
await build.write({ file, format: format === 'esm' ? 'es' : 'cjs', inlineDynamicImports: true })
await build.close()
