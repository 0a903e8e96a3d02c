// Watches the calls of `node:fs` and `node:fs/promises` inside one directory, and lets a test make them fail or hang.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * One call, of a function or of a method of a file handle.
 *
 * @typedef {object} FileCall
 * @property {string} name
 * @property {string} path the first one, if it has two
 * @property {'promises' | 'callback' | 'sync'} api
 */

/**
 * @typedef {object} FileWatcher
 * @property {(call: FileCall) => unknown} [before] the call waits for its promise, and fails with the error it throws
 * @property {(call: FileCall) => unknown} [failed] the call itself has failed
 * @property {(call: FileCall) => unknown} [after] also after a call that failed; its result waits for the promise
 */

/** @type {Map<string, FileWatcher>} */
const watchers = new Map()
/** The paths of open file handles. @type {WeakMap<object, string>} */
const handles = new WeakMap()
let patched = false

/**
 * Until the returned function is called, every call inside this directory goes through the watcher.
 *
 * @param {string} directory @param {FileWatcher} watcher @returns {() => void}
 */
export function watchFiles(directory, watcher) {
  if (!patched) patch()
  patched = true
  watchers.set(directory, watcher)
  return () => void watchers.delete(directory)
}

/** @typedef {(...args: any[]) => any} AnyFunction */

function patch() {
  const promises = /** @type {Record<string, AnyFunction>} */ (/** @type {unknown} */ (fs.promises))
  const callbacks = /** @type {Record<string, AnyFunction>} */ (/** @type {unknown} */ (fs))
  const original = { ...promises }
  for (const [name, work] of Object.entries(original)) {
    if (typeof work !== 'function') continue
    promises[name] = (...args) => {
      const target = targetOf(args)
      if (target === undefined) return work(...args)
      return step({ name, path: target.path, api: 'promises' }, target.watcher, () => work(...args))
    }
  }
  promises.open = async (...args) => {
    const target = targetOf(args)
    const open = () => original.open?.(...args)
    if (target === undefined) return open()
    const { path, watcher } = target
    return watchedHandle(await step({ name: 'open', path, api: 'promises' }, watcher, open), path)
  }
  promises.opendir = async (...args) => {
    const target = targetOf(args)
    const open = () => original.opendir?.(...args)
    if (target === undefined) return open()
    const { path, watcher } = target
    const directory = await step({ name: 'opendir', path, api: 'promises' }, watcher, open)
    return watchedMethods(directory, { read: 'nextName', close: 'closedir' }, path)
  }
  promises.writeFile = async (/** @type {any} */ file, data, options) => {
    const target = targetOf([file])
    if (target === undefined || typeof file?.writeFile === 'function') return original.writeFile?.(file, data, options)
    const { mode, flag = 'w', encoding } = typeof options === 'string' ? { encoding: options } : (options ?? {})
    const handle = await promises.open?.(file, flag, mode)
    try {
      await handle.writeFile(data, encoding)
    } finally {
      await handle.close()
    }
  }
  for (const [name, work] of Object.entries(callbacks)) {
    if (typeof work !== 'function' || /^[A-Z_]/.test(name)) continue
    const api = name.endsWith('Sync') ? 'sync' : 'callback'
    const watched = (/** @type {any[]} */ ...args) => {
      const target = targetOf(args)
      if (target === undefined) return work(...args)
      const call = /** @type {const} */ ({ name, path: target.path, api })
      target.watcher.before?.(call)
      try {
        return work(...args)
      } finally {
        target.watcher.after?.(call)
      }
    }
    callbacks[name] = Object.assign(watched, work)
  }
  syncBuiltinESMExports()
}

/** The watcher of the first of the paths that is in a watched directory. @param {readonly any[]} args */
function targetOf(args) {
  if (watchers.size === 0) return undefined
  for (const arg of args.slice(0, 2)) {
    const path = pathOf(arg)
    if (path === undefined) continue
    for (const [directory, watcher] of watchers) {
      if (path === directory || path.startsWith(directory + sep)) return { path, watcher }
    }
  }
  return undefined
}

function pathOf(/** @type {unknown} */ value) {
  if (typeof value === 'string') return value
  if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  return typeof value === 'object' && value !== null ? handles.get(value) : undefined
}

/**
 * @template T
 * @param {FileCall} call @param {FileWatcher} watcher @param {() => Promise<T>} work @returns {Promise<T>}
 */
async function step(call, watcher, work) {
  await watcher.before?.(call)
  try {
    return await work()
  } catch (error) {
    watcher.failed?.(call)
    throw error
  } finally {
    await watcher.after?.(call)
  }
}

/** Writes of a watched handle are done in two halves, since a process can also end between them. */
function watchedHandle(/** @type {any} */ handle, /** @type {string} */ path) {
  handles.set(handle, path)
  const names = [...Object.getOwnPropertyNames(Object.getPrototypeOf(handle)), 'close']
  const isOther = (/** @type {string} */ name) =>
    /^(constructor|createReadStream|createWriteStream|fd|getAsyncId)$/.test(name)
  const methods = names.filter((name) => !isOther(name) && typeof handle[name] === 'function')
  watchedMethods(handle, Object.fromEntries(methods.map((name) => [name, name])), path)
  handle.writeFile = async (/** @type {any} */ data, /** @type {any} */ options) => {
    const bytes = typeof data === 'string' ? Buffer.from(data, options?.encoding ?? options ?? 'utf8') : data
    const middle = bytes.length >> 1
    for (const half of [bytes.subarray(0, middle), bytes.subarray(middle)]) await handle.write(half)
  }
  return handle
}

/**
 * Watches these methods of an object, each under the name given for it.
 *
 * @param {any} object @param {Record<string, string>} methods @param {string} path
 */
function watchedMethods(object, methods, path) {
  for (const [method, name] of Object.entries(methods)) {
    const work = object[method]
    object[method] = (/** @type {any[]} */ ...args) => {
      const watcher = targetOf([path])?.watcher ?? {}
      return step({ name, path, api: 'promises' }, watcher, () => work.apply(object, args))
    }
  }
  return object
}
