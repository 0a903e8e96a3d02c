// Plain JavaScript on every runtime.
import { join } from 'node:path'

/** @typedef {import('../run.js').Project} Project */

const clients = ['axios', 'fetch', 'got', 'undici']
const files = { CommonJS: 'main.cjs', 'ES modules': 'main.mjs' }

/** @type {Project[]} */
const onNode = [20, 22, 24, 26].flatMap((node) =>
  Object.entries(files).map(([as, file]) => ({
    section: 'Runtimes',
    uses: 'Node.js',
    as,
    node,
    clients,
    run: async (context) => {
      for (const client of clients) await context.node([file, client])
    },
  })),
)

/**
 * @typedef {object} Runtime A runtime other than Node.js.
 * @property {string} name
 * @property {string} alias
 * @property {readonly string[]} command Its executable in `node_modules`, and the arguments that run a file.
 * @property {Readonly<Record<string, { error: RegExp, text: string }>>} [limits] By client: how it fails, and why.
 */

/** @type {readonly Runtime[]} */
const others = [
  {
    name: 'Bun',
    alias: 'bun',
    command: ['bun/bin/bun.exe', 'run'],
    limits: {
      undici: {
        error: /compose is not a function/,
        text: 'undici is a module of Bun itself there, which has no interceptors: use fetch',
      },
    },
  },
  {
    name: 'Deno',
    alias: 'deno',
    command: ['deno/bin.cjs', 'run', '--allow-all', '--node-modules-dir=manual', '--quiet'],
  },
]

/** @type {Project[]} */
const elsewhere = others.flatMap(({ name, alias, command: [command = '', ...args], limits }) =>
  clients.flatMap((client) =>
    Object.entries(files).map(([as, file]) => ({
      section: 'Runtimes',
      uses: name,
      alias,
      as: `${client} (${as})`,
      isElsewhere: true,
      clients: [client],
      limit: limits?.[client],
      run: async ({ execute, folder }) => {
        await execute(join(folder, 'node_modules', command), [...args, file, client])
      },
    })),
  ),
)

/** @type {import('../run.js').Installation[]} */
export const runtimes = [{ name: 'runtimes', projects: [...onNode, ...elsewhere] }]
