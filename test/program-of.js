import { execFileSync } from 'node:child_process'

/** The executable of a major version of Node.js: the running one, or one from npm. @param {number} major */
export function programOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  const args = ['exec', '--yes', `--package=node@${major}`, '--', 'node', '-p', 'process.execPath']
  return execFileSync('npm', args, { encoding: 'utf8' }).trim()
}
