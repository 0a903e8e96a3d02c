// Serves the built site as the host of the repository does: under its base path, and nothing elsewhere.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'
import { base } from './repository.js'

const dist = join(import.meta.dirname, 'dist')

/** @type {Readonly<Record<string, string>>} */
const mediaTypes = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** The file for a path, without a query. @param {string} path @returns {string | undefined} */
function fileFor(path) {
  if (!path.startsWith(base)) return undefined
  const name = path.slice(base.length)
  const file = join(dist, name === '' || name.endsWith('/') ? `${name}index.html` : name)
  return file.startsWith(dist + sep) ? file : undefined
}

/** @returns {Promise<{ address: string, close: () => Promise<void> }>} The address of the first page. */
export async function serve() {
  const server = createServer(async ({ url = '/' }, response) => {
    try {
      const file = fileFor(decodeURIComponent(new URL(url, 'http://localhost').pathname))
      if (file === undefined) throw new Error('not a path of the site')
      const content = await readFile(file)
      response.writeHead(200, { 'content-type': mediaTypes[extname(file)] ?? 'application/octet-stream' }).end(content)
    } catch {
      const content = await readFile(join(dist, '404.html'))
      response.writeHead(404, { 'content-type': mediaTypes['.html'] }).end(content)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    address: `http://127.0.0.1:${port}${base}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
