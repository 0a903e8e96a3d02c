import { execFileSync } from 'node:child_process'

/** The program of a major of Node.js, which npm has if it is not the one that runs. @param {number} major */
export function programOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  const args = ['exec', '--yes', `--package=node@${major}`, '--', 'node', '-p', 'process.execPath']
  return execFileSync('npm', args, { encoding: 'utf8' }).trim()
}
