import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * The shell waits until its standard input ends, which happens when this process ends for any reason. Then it kills the
 * command. A Ctrl-C reaches it at the same time as this process.
 */
const script = `
  "$@" </dev/null & command=$!
  exec >&-
  trap 'kill -9 "$command" 2>/dev/null; wait "$command" 2>/dev/null' EXIT
  trap 'exit 1' HUP INT TERM
  while read -r _; do :; done`

/** Starts a command that does not outlive this process. Its output ends when the command does. */
export function spawnTied(command: string, args: readonly string[]): ChildProcess {
  return spawn('sh', ['-c', script, 'sh', command, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
}

/** Kills the command, which has ended when this resolves. */
export async function endTied(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.stdin?.end()
  await once(child, 'exit')
}
