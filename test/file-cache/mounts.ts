import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RemoteProcess, startProcess } from '../fleet/remote-process.ts'

/** Runs a command with mounts that no other process sees, and that end with it. Without root, as root of its own namespace. */
const privately: readonly [string, ...string[]] =
  process.getuid?.() === 0 ? ['unshare', '--mount'] : ['unshare', '--map-root-user', '--mount']

export const tmpfs = 'mount -t tmpfs tmpfs "$1"'

/** In a file that is in memory, and that is gone when it is unmounted. */
export const ext4 = `
  mount -t tmpfs tmpfs "$1"
  truncate -s 16M "$1/image"
  mkfs.ext4 -q "$1/image"
  mount -o loop "$1/image" "$1"`

export const overlay = `
  mount -t tmpfs tmpfs "$1"
  mkdir "$1/lower" "$1/upper" "$1/work" "$1/merged"
  mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged"
  mount --move "$1/merged" "$1"`

/** Whether this machine lets us mount file systems, which containers and some distributions do not. */
export const canMount: boolean = mount(tmpfs)
export const canMountImage: boolean = mount(ext4)
if (!canMount) console.warn('File systems cannot be mounted here, so tests with real ones are skipped.')

/** Whether this is possible. */
function mount(script: string): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'mca-auth-mount-'))
  const [command, ...args] = [...privately, 'sh', '-ec', script, 'sh', directory]
  const { status } = spawnSync(command as string, args, { stdio: 'ignore' })
  rmdirSync(directory)
  return status === 0
}

/** What to put before a command so that it sees the mounts of a script. */
export function mounting(directory: string, script: string): [string, ...string[]] {
  return [...privately, 'sh', '-ec', `${script}\nshift\nexec "$@"`, 'sh', directory]
}

/** A process that sees the mounts of a script. */
export async function startMounted(file: string, directory: string, script: string): Promise<RemoteProcess> {
  return startProcess(file, mounting(directory, script))
}

/** Runs a script that sees the mounts of this process, and returns its output. */
export function among({ pid }: RemoteProcess, script: string, directory: string): string {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials']
  const command = ['--target', String(pid), ...user, '--mount', 'sh', '-ec', script, 'sh', directory]
  const { status, stdout, stderr } = spawnSync('nsenter', command, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${script}: ${stderr}`)
  return stdout
}
