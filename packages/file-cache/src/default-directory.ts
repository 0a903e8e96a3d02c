import { homedir } from 'node:os'
import { posix, win32 } from 'node:path'

/**
 * The directory for caches of this user, by the convention of the platform, with `mca-auth` in it.
 *
 * @throws Error if the user has no home directory, as in some containers.
 */
export function defaultDirectory(
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
): string {
  if (platform === 'win32') {
    const local = env.LOCALAPPDATA
    return win32.join(absolute(win32, local) ?? win32.join(home(win32), 'AppData', 'Local'), 'mca-auth')
  }
  if (platform === 'darwin') return posix.join(home(posix), 'Library', 'Caches', 'mca-auth')
  // The specification says to ignore a relative path: https://specifications.freedesktop.org/basedir-spec/latest/
  return posix.join(absolute(posix, env.XDG_CACHE_HOME) ?? posix.join(home(posix), '.cache'), 'mca-auth')
}

function absolute(paths: typeof posix, value: string | undefined): string | undefined {
  return value !== undefined && paths.isAbsolute(value) ? value : undefined
}

function home(paths: typeof posix): string {
  let found: string | undefined
  try {
    found = absolute(paths, homedir())
  } catch {
    // The user is not in the list of users, and HOME is not set.
  }
  if (found !== undefined) return found
  throw new Error('there is no home directory to keep tokens in: give `directory` to fileTokenCache(), or set HOME')
}
