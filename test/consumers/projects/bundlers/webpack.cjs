// Bundles an application for Node.js: `node webpack.cjs ENTRY FILE [FORMAT]`.
const { resolve } = require('node:path')
const webpack = require('webpack')

const [entry, file, format] = process.argv.slice(2)
const isModule = format === 'esm'
const compiler = webpack({
  target: 'node20',
  mode: 'production',
  entry: resolve(entry),
  output: {
    path: __dirname,
    filename: file,
    asyncChunks: false,
    module: isModule,
    ...(isModule && { library: { type: 'module' }, chunkFormat: 'module' }),
  },
  experiments: { outputModule: isModule },
  performance: { hints: false },
})
compiler.run((error, stats) => {
  if (error || stats.hasErrors()) throw error ?? new Error(stats.toString({ all: false, errors: true }))
})
