// Test runners: tests written once, in TypeScript, which each runner gets in its usual form. Some of them mock the network.
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** @typedef {import('../run.js').Project} Project */
/** @typedef {import('../run.js').Context} Context */

const clients = ['axios', 'fetch', 'undici']

/** The number of tests in `source`, and of those that use msw. */
const count = 10
const countOfMsw = 2

/** TypeScript's own compiler, for both formats. */
const compilerOptions = {
  module: 'nodenext',
  target: 'es2022',
  lib: ['es2023', 'dom'],
  types: ['node'],
  strict: true,
  esModuleInterop: true,
  skipLibCheck: true,
}

/**
 * A folder for one runner: a package with the tests.
 *
 * @param {Context} context
 * @param {string} name
 * @param {'commonjs' | 'module'} type
 * @param {{ jest?: object }} [settings] Of its package.json.
 */
function folderFor({ folder }, name, type, settings = {}) {
  const cwd = join(folder, name)
  mkdirSync(cwd)
  cpSync(join(folder, 'source'), cwd, { recursive: true })
  for (const file of ['exercise.cjs', 'exercise.d.cts', 'globals.cjs']) cpSync(join(folder, file), join(cwd, file))
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ name, private: true, type, ...settings }))
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }))
  return cwd
}

/** @param {Context} context @param {string} name @param {'commonjs' | 'module'} type @returns {Promise<{ cwd: string, files: string[] }>} */
async function compiled(context, name, type) {
  const cwd = folderFor(context, name, type)
  await context.node([join(context.folder, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd })
  for (const file of readdirSync(cwd)) if (file.endsWith('.ts')) rmSync(join(cwd, file))
  return { cwd, files: readdirSync(cwd).filter((file) => file.endsWith('.test.js')) }
}

/** Fails unless all of them have run. @param {string} output @param {RegExp} passed @param {number} [expected] */
function checkCount(output, passed, expected = count) {
  const found = passed.exec(output)?.[1]
  if (found !== `${expected}`) throw new Error(`${found} tests passed, not ${expected}\n${output.slice(-3_000)}`)
}

/** @param {Context} context @param {string} cwd @param {boolean} hasMsw */
async function jest({ node, folder }, cwd, hasMsw) {
  const args = [join(folder, 'node_modules/jest/bin/jest.js'), '--runInBand', '--config', 'package.json']
  const without = hasMsw ? [] : ['--testPathIgnorePatterns', 'msw']
  const output = await node([...args, ...without], { cwd })
  checkCount(output, /Tests: +(\d+) passed, \d+ total/, hasMsw ? count : count - countOfMsw)
}

/** The dependencies of msw are ES modules, which Jest can only load if a transform turns them into CommonJS. */
const needsTransform = 'msw needs a transform of its dependencies, as with babel or swc'
const transformIgnorePatterns = ['node_modules/(?!(.*/)?(rettime|until-async|@open-draft)/)']

/**
 * Transforms of TypeScript, and of JavaScript too if the tool supports that.
 *
 * @type {Readonly<Record<string, object>>}
 */
const transforms = {
  'ts-jest': {
    transform: {
      '^.+\\.ts$': ['ts-jest', { tsconfig: { ...compilerOptions, module: 'commonjs', moduleResolution: 'node10' } }],
    },
  },
  babel: {
    transform: { '^.+\\.(ts|m?js)$': ['babel-jest', { presets: ['@babel/preset-env', '@babel/preset-typescript'] }] },
    transformIgnorePatterns,
  },
  swc: {
    transform: {
      '^.+\\.(ts|m?js)$': ['@swc/jest', { module: { type: 'commonjs' }, jsc: { parser: { syntax: 'typescript' } } }],
    },
    transformIgnorePatterns,
  },
}

/** @param {Omit<Project, 'section' | 'clients'>} rest @returns {Project} */
function project(rest) {
  return { section: 'Test runners', clients, ...rest }
}

/** @type {Project[]} */
const ofJest = [
  ...[20, 24].map((node) =>
    project({
      uses: 'Jest',
      alias: 'jest',
      as: 'its default configuration',
      node,
      run: async (context) => {
        await jest(context, (await compiled(context, `jest-${node}`, 'commonjs')).cwd, false)
        return needsTransform
      },
    }),
  ),
  ...Object.entries(transforms).map(([as, settings]) =>
    project({
      uses: 'Jest',
      alias: 'jest',
      as,
      run: (context) => jest(context, folderFor(context, as, 'commonjs', { jest: settings }), as !== 'ts-jest'),
    }),
  ),
]

const formats = /** @type {const} */ ({ CommonJS: 'commonjs', 'ES modules': 'module' })

/** @type {Project[]} */
const others = Object.entries(formats).flatMap(([as, type]) => [
  project({
    uses: 'mocha',
    alias: 'mocha',
    as,
    run: async (context) => {
      const { cwd, files } = await compiled(context, `mocha-${type}`, type)
      const mocha = join(context.folder, 'node_modules/mocha/bin/mocha.js')
      checkCount(await context.node([mocha, '--ui', 'tdd', '--timeout', '60000', ...files], { cwd }), /(\d+) passing/)
    },
  }),
  project({
    uses: 'node:test',
    as,
    run: async (context) => {
      const { cwd, files } = await compiled(context, `node-test-${type}`, type)
      checkCount(await context.node(['--require', './globals.cjs', '--test', ...files], { cwd }), /# pass (\d+)/)
    },
  }),
])

/** @type {Project} */
const vitest = project({
  uses: 'vitest',
  alias: 'vitest',
  as: 'ES modules',
  node: 24,
  run: async (context) => {
    const cwd = folderFor(context, 'vitest', 'module')
    const args = [join(context.folder, 'node_modules/vitest/vitest.mjs'), 'run', '--globals', '--no-file-parallelism']
    checkCount(await context.node(args, { cwd }), /Tests +(\d+) passed/)
  },
})

const underPnpm = ofJest.slice(0, 1).map((one) => ({ ...one, as: `${one.as} by pnpm` }))

/** @type {import('../run.js').Installation[]} */
export const testRunners = [
  { name: 'test-runners', projects: [...ofJest, ...others, vitest] },
  { name: 'test-runners', manager: 'pnpm', projects: underPnpm },
]
