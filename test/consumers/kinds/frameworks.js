// Services: frameworks around the clients, and platforms that build, render or freeze them.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { playPlatform } from './platform.js'

/** @typedef {import('../run.js').Project} Project */
/** @typedef {import('../run.js').Context} Context */

const tsc = ['node_modules/typescript/bin/tsc', '-p', '.']

/** @param {string} uses @param {string} alias @param {string} as @param {Project['run']} run @returns {Project} */
function project(uses, alias, as, run, clients = ['axios']) {
  return { section: 'Frameworks', uses, alias, as, clients, run }
}

/** @type {Project[]} */
const nest11 = [
  project('@nestjs/axios', '@nestjs/axios', 'a service of NestJS 11 (CommonJS)', async ({ node }) => {
    await node(tsc)
    await node(['main.js'])
  }),
  project('@nestjs/axios', '@nestjs/axios', 'its test in Jest', async ({ node }) => {
    const output = await node(['node_modules/jest/bin/jest.js', '--runInBand'])
    if (!/Tests: +1 passed, 1 total/.test(output)) throw new Error(output)
  }),
]

/** @type {Project[]} */
const nest12 = [
  project('@nestjs/axios', '@nestjs/axios', 'a service of NestJS 12 (ES modules)', async ({ node }) => {
    await node(tsc)
    await node(['main.js'])
  }),
]

/** @type {Project[]} */
const next = [
  {
    ...project('Next.js', 'next', 'a route handler, and a page that the build renders', buildAndServe, [
      'axios',
      'fetch',
    ]),
    // The build requests its own token for the page that it renders.
    expected: { tokenRequests: 3, more: 1 },
  },
]

/** @param {Context} context */
async function buildAndServe({ node, folder, worlds }) {
  await node(['main.js'])
  const tokens = [...worlds.values()].flatMap(({ authorizations }) => [...authorizations])
  const built = readdirSync(join(folder, '.next'), { recursive: true, encoding: 'utf8' })
  for (const file of built.map((name) => join(folder, '.next', name)).filter((path) => statSync(path).isFile())) {
    const text = readFileSync(file, 'latin1')
    const isIn = tokens.some((header) => text.includes(header.slice('Bearer '.length)))
    if (isIn) throw new Error(`${file} has a token`)
  }
  if (tokens.length < 3 || built.length < 50) throw new Error('there were no tokens to search for')
}

/** @type {Project[]} */
const services = [
  {
    ...project('Express', 'express', 'a service', async ({ node }) => void (await node(['express.js']))),
    expected: { more: 5 },
  },
  {
    ...project('Fastify', 'fastify', 'a service', async ({ node }) => void (await node(['fastify.js'])), ['undici']),
    expected: { more: 5 },
  },
  {
    ...project('AWS Lambda', '', 'a handler, frozen until its token had expired', playPlatform),
    expected: { tokenRequests: 3, more: 1 },
  },
]

/** @type {import('../run.js').Installation[]} */
export const frameworks = [
  { name: 'next', projects: next },
  { name: 'nest-11', sources: 'nest', projects: nest11 },
  { name: 'nest-12', sources: 'nest', projects: nest12 },
  { name: 'services', projects: services },
]
