// The platform of a function: starts its process, sends it events, and freezes it in between.
import assert from 'node:assert/strict'
import { once } from 'node:events'

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** @param {import('../run.js').Context} context */
export async function playPlatform({ node, worlds }) {
  const world = /** @type {import('../world.js').World} */ (worlds.get('axios'))
  await node(['lambda.cjs'], { started: (child) => play(child, world) })
}

/** @param {ChildProcess} child @param {import('../world.js').World} world */
async function play(child, world) {
  const { api } = world.access
  const ended = once(child, 'exit').then(() => assert.fail('the process has ended'))
  ended.catch(() => {}) // it should, at the end
  /** @type {((message: { result?: { status: number }, error?: { code: string, message: string } }) => void)[]} */
  const waiting = []
  child.on('message', (/** @type {any} */ message) => waiting[message.id]?.(message))
  const invoke = (/** @type {string} */ path, client = 'own') =>
    Promise.race([
      ended,
      new Promise((resolve) => {
        child.send({ id: waiting.push(resolve) - 1, event: { url: `${api}${path}`, client } })
      }),
    ])
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => invoke(`/many/${i}`)))
  for (const { result, error } of many) assert.equal(result?.status, 200, error?.message)
  assert.equal(world.tokenRequests, 1)

  child.kill('SIGSTOP')
  const hours = 2 // The token expires after one.
  child.send({ thawedAfterMs: hours * 3_600_000 })
  child.kill('SIGCONT')
  assert.equal((await invoke('/thawed')).result?.status, 200)
  assert.equal(world.tokenRequests, 2, 'a token that expired while the process was frozen')

  for (const path of ['/revoke', '/after']) assert.equal((await invoke(path)).result?.status, 200)
  assert.equal((await invoke('/never', 'denied')).error?.code, 'TOKEN_REQUEST_REFUSED')
  child.disconnect()
}
