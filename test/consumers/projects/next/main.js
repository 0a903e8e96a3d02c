// Builds, checks the build, starts the server and calls its route.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { exercise, failureOf } from './exercise.cjs'

const next = (...args) =>
  spawn(process.execPath, ['node_modules/next/dist/bin/next', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
  })

const build = next('build')
build.stdout.pipe(process.stdout)
const [code] = await once(build, 'close')
assert.equal(code, 0)
assert.match(readFileSync('.next/server/app/catalogue.html', 'utf8'), /built with.*200 and 200/)

const server = next('start', '--port', '0', '--hostname', '127.0.0.1')
let printed = ''
const origin = await new Promise((resolve, reject) => {
  server.once('exit', () => reject(new Error(`next start ended\n${printed}`)))
  server.stdout.on('data', (text) => {
    printed += text
    const [found] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(printed) ?? []
    if (found !== undefined) resolve(found)
  })
})
const call = async (client, url) => {
  const response = await fetch(`${origin}/orders?${new URLSearchParams({ client, url })}`)
  const { status, ...error } = await response.json()
  if (status === undefined) throw Object.assign(new Error(error.message), error)
  return status
}
for (const client of ['axios', 'fetch']) {
  await exercise(client, (url) => call(client, url))
  await failureOf(client, (url) => call(`${client}-denied`, url))
}
server.kill()
await once(server, 'close')
