import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { environment, Fixture, main, run } from './fixture.ts'

const fixture = new Fixture()
const clearLine = '\r\u001b[2K'

/** The output after the progress was removed. */
function reportOf(child: { readonly seen: () => string }): string {
  return child.seen().slice(child.seen().lastIndexOf(clearLine) + clearLine.length)
}

/** A server that never responds, and the arrival of its first request. */
async function hangingServer() {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const arrival = once(server, 'request')
  return {
    arrival,
    args: fixture.explicit('--token-endpoint', `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`),
  }
}

function start(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ChildProcess & { readonly seen: () => string } {
  const child = spawn(command, args, { env: { ...environment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let seen = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      seen += chunk
    })
  }
  return Object.assign(child, { seen: () => seen })
}

describe.each(['token', 'doctor'])('mca-auth %s that is interrupted while it waits', (command) => {
  it('ends at once, by that signal, without a stack', async () => {
    const { arrival, args } = await hangingServer()
    const child = start(process.execPath, [main, command, ...args, '--timeout-ms', '600000'])
    await arrival
    child.kill('SIGINT')
    const [code, signal] = await once(child, 'close')
    expect([code, signal, child.seen()]).toEqual([null, 'SIGINT', ''])
  })
})

describe.skipIf(!existsSync('/usr/bin/script'))('on a terminal', () => {
  const onTerminal = (args: readonly string[], env: Record<string, string> = {}) => {
    const command = ['exec', process.execPath, main, ...args]
      .map((word) => `'${word}'`)
      .join(' ')
      .replace("'exec'", 'exec')
    return start('/usr/bin/script', ['-qec', `stty cols 60; ${command}`, '/dev/null'], {
      TERM: 'xterm-256color',
      ...env,
    })
  }

  it('the doctor says what it waits for, and removes that before the report', async () => {
    const child = onTerminal(['doctor'], fixture.vcap())
    await once(child, 'close')
    expect(child.seen()).toMatch(/waiting for 127\.0\.0\.1:\d+ …/)
    const report = reportOf(child)
    expect(report).toMatch(/^.{5}✓.{10}Nothing is wrong/)
    expect(report).not.toContain('waiting for')
  })

  it('the report is as wide as the terminal', async () => {
    const child = onTerminal(['doctor'], { ...fixture.vcap(), NO_COLOR: '1' })
    await once(child, 'close')
    const lines = reportOf(child).split('\r\n')
    expect(lines).toContainEqual(expect.stringContaining('→ `mca-auth doctor --url URL` says'))
    expect(lines.filter((line) => line.length > 60 && !line.includes('/'))).toEqual([])
  })

  it.each([
    [{ NO_COLOR: '1' }, false],
    [{ NO_COLOR: '' }, true],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '0' }, false],
    [{ TERM: 'dumb' }, false],
  ])('%j decides about colours: %s', async (env, isColoured) => {
    const child = onTerminal(['--help'], env)
    await once(child, 'close')
    expect(child.seen().includes('\u001b[')).toBe(isColoured)
    expect(child.seen()).toMatch(/^Usage:/m)
  })
})

describe('standard output', () => {
  it('that cannot be written is an error without a stack', async () => {
    const command = `"$NODE" "$MAIN" token --binding "$BINDING" > /dev/full`
    const env = { NODE: process.execPath, MAIN: main, BINDING: fixture.binding() }
    const child = start('sh', ['-c', command], env)
    const [code] = await once(child, 'close')
    expect([code, child.seen()]).toEqual([1, 'mca-auth: standard output cannot be written (ENOSPC)\n'])
  })

  it('may be closed, and so may standard input', async () => {
    const command = `"$NODE" "$MAIN" token --binding "$BINDING" <&- >&- && "$NODE" "$MAIN" token --binding "$BINDING" <&- | head -c 6`
    const env = { NODE: process.execPath, MAIN: main, BINDING: fixture.binding() }
    const child = start('sh', ['-c', command], env)
    const [code] = await once(child, 'close')
    expect([code, child.seen()]).toEqual([0, 'Bearer'])
  })

  it('is wrapped to 80 columns in a pipe, or to COLUMNS', async () => {
    const longest = ({ out }: { out: string }) => Math.max(...out.split('\n').map((line) => line.length))
    expect(longest(await run(['help', 'doctor'], { COLUMNS: '' }))).toBeLessThanOrEqual(82)
    expect(longest(await run(['help', 'doctor'], { COLUMNS: '99' }))).toBeGreaterThan(90)
  })
})

it.skipIf(!existsSync('/usr/bin/script'))(
  'a message is wrapped on a terminal, and is one line for a script',
  async () => {
    const words = 'unknown command; known are: `token`, `doctor`, `jwk`, `clear`'
    expect((await run(['absent'])).err).toBe(`mca-auth: ${words}\n(see mca-auth --help)\n`)
    const command = `stty cols 40; exec '${process.execPath}' '${main}' absent`
    const child = start('/usr/bin/script', ['-qec', command, '/dev/null'], { TERM: 'xterm' })
    await once(child, 'close')
    const lines = child.seen().trimEnd().split('\r\n')
    expect(lines.slice(0, -1).join(' ')).toBe(`mca-auth: ${words}`)
    expect(lines.length).toBeGreaterThan(2)
  },
)
