import { execFileSync, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { environment, Fixture, main, run, secret } from './fixture.ts'

const fixture = new Fixture()
const args = () => ['token', ...fixture.explicit('--secret-file', '-')]

/** Runs a shell line in which "$@" is the command. */
function shell(script: string, stdio: StdioOptions) {
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, main, ...args()], { env: environment(), stdio })
  onTestFinished(() => void child.kill())
  const ended = Promise.all([
    once(child, 'close'),
    text(child.stdout ?? emptyStream()),
    text(child.stderr ?? emptyStream()),
  ])
  return { child, ended: ended.then(([[code], out, err]) => ({ code: code as number, out, err })) }
}

async function* emptyStream() {}

/** Long enough for a process that was started earlier to have tried to read its standard input. */
const afterOthers = async () => {
  for (let i = 0; i < 2; i++) await run(['--help'])
}

describe('--secret-file - reads standard input', () => {
  it('without the newline at its end', async () => {
    expect(await run(args(), {}, `${secret}\n`)).toMatchObject({ code: 0, err: '' })
  })

  it('to its end, however slowly it arrives, even with a character split in two', async () => {
    const slow = 'not-a-real-sécret'
    fixture.server.rotateSecret(slow)
    const { child, ended } = shell('exec "$@"', 'pipe')
    for (const byte of Buffer.from(`${slow}\n`)) {
      await new Promise((resolve) => child.stdin?.write(Buffer.of(byte), resolve))
      if (byte > 127) await afterOthers()
    }
    child.stdin?.end()
    expect(await ended).toMatchObject({ code: 0, err: '' })
  })

  // It used to end with EAGAIN as soon as another process had made the pipe non-blocking.
  it('even from a non-blocking pipe', async () => {
    const path = join(fixture.directory, 'pipe')
    execFileSync('mkfifo', [path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      const { ended } = shell('exec "$@" <&3', ['ignore', 'pipe', 'pipe', reader])
      await Promise.race([ended, afterOthers()])
      writeSync(writer, secret.slice(0, 5))
      await Promise.race([ended, afterOthers()])
      writeSync(writer, `${secret.slice(5)}\n`)
      closeSync(writer)
      expect(await ended).toMatchObject({ code: 0, err: '' })
    } finally {
      closeSync(reader)
    }
  })

  it.each([
    ['is empty', '"$@" < /dev/null'],
    ['is closed', '"$@" <&-'],
    ['is a directory', '"$@" < /'],
    ['has only a newline', 'echo | "$@"'],
    ['is a pipe whose writer sends nothing', 'true | "$@"'],
  ])('and reports it if it %s', async (_what, script) => {
    const { code, out, err } = await shell(script, ['ignore', 'pipe', 'pipe']).ended
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^mca-auth: --secret-file is empty: standard input had no secret\n/)
  })
})

/** Runs the command on a terminal, and types after the prompt. The output is what the terminal shows. */
async function onTerminal(keys: string) {
  const command = '"$NODE" "$MAIN" "$@"'
  const script = join(fixture.directory, 'run.sh')
  fixture.file(
    'run.sh',
    `set -- ${args()
      .map((arg) => `'${arg}'`)
      .join(' ')}; ${command}`,
  )
  const child = spawn('/usr/bin/script', ['-qec', `sh '${script}'`, '/dev/null'], {
    env: { ...environment(), NODE: process.execPath, MAIN: main },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill())
  let out = ''
  let hasTyped = false
  child.stdout.on('data', (chunk) => {
    out += chunk
    if (hasTyped || !out.includes('Client secret')) return
    hasTyped = true
    child.stdin.write(keys)
  })
  const [code, signal] = await once(child, 'close')
  return { code: code as number, signal: signal as string | null, out }
}

// It used to wait for Ctrl+D without a prompt, and showed the secret.
describe.skipIf(!existsSync('/usr/bin/script'))('--secret-file - on a terminal', () => {
  it('prompts for the secret, and does not show it', async () => {
    const { code, out } = await onTerminal(`${secret}\r`)
    expect(out).toMatch(/^Client secret \(not shown\): \r\nBearer [\w.-]+\r\n$/)
    expect(out).not.toContain(secret)
    expect(code).toBe(0)
  })

  it('treats Ctrl+D as an empty secret', async () => {
    const { code, out } = await onTerminal('\u0004')
    expect(out).toContain('--secret-file is empty')
    expect(code).toBe(2)
  })

  it('ends on Ctrl+C, by that signal', async () => {
    const { code, out } = await onTerminal('\u0003')
    expect(out).not.toContain('Bearer')
    expect(code).toBe(128 + 2)
  })
})
