/** One listener on a signal for all waits, since Node warns about more than ten listeners. */
interface Listener {
  readonly leaves: Set<() => void>
  readonly stop: () => void
}

const listeners = new WeakMap<AbortSignal, Listener>()

/** Calls `leave` when the signal aborts, unless the returned function is called before. */
export function onAbort(signal: AbortSignal, leave: () => void): () => void {
  const { leaves, stop } = listeners.get(signal) ?? listen(signal)
  // A new function, so that each wait counts, even with the same `leave`.
  const entry = () => leave()
  leaves.add(entry)
  return () => {
    if (leaves.delete(entry) && leaves.size === 0) stop()
  }
}

function listen(signal: AbortSignal): Listener {
  const leaves = new Set<() => void>()
  const stop = () => {
    signal.removeEventListener('abort', aborted)
    listeners.delete(signal)
  }
  const aborted = () => {
    stop()
    for (const leave of [...leaves]) leave()
  }
  const listener = { leaves, stop }
  signal.addEventListener('abort', aborted)
  listeners.set(signal, listener)
  return listener
}
