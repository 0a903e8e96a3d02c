// msw and nock in place of the world's API, for Node.js 22 and newer.

/** @typedef {import('./world.js').World} World */

export const canMock = Number(process.versions.node.split('.')[0]) >= 22

/** A request counts as arrived only if the mock responds to it. */
export const mocked = { prepare: (/** @type {World} */ world) => world.unplug() }

export async function startMsw(/** @type {World} */ world) {
  const { setupServer } = await import('msw/node')
  const { http, HttpResponse } = await import('msw')
  const server = setupServer(
    http.all(`${world.api}/*`, async ({ request }) => {
      const { status, headers, body } = await answer(world, request)
      return new HttpResponse(body, { status, headers })
    }),
  )
  server.listen({ onUnhandledFrame: 'bypass' })
  world.onClose(() => server.close())
}

export async function startNock(/** @type {World} */ world) {
  // Importing it replaces the global fetch, so msw would not find its own.
  const { default: nock } = await import('nock')
  if (!nock.isActive()) nock.activate()
  for (const method of /** @type {const} */ (['get', 'post'])) {
    const interceptor = nock(world.api).persist()[method](/.*/)
    interceptor.reply(
      /** @type {any} */ (
        async (/** @type {Request} */ request) => {
          const { status, headers, body } = await answer(world, request)
          return [status, body, headers]
        }
      ),
    )
  }
  world.onClose(() => {
    nock.cleanAll()
    nock.restore()
  })
}

async function answer(/** @type {World} */ world, /** @type {Request} */ request) {
  const body = Buffer.from(await request.clone().arrayBuffer())
  const { pathname: path } = new URL(request.url)
  const reply = world.mock({ method: request.method, path, headers: Object.fromEntries(request.headers), body })
  const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? '')
  return { status: reply.status ?? 200, headers: reply.headers, body: Buffer.from(text) }
}
