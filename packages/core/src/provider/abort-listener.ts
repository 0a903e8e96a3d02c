/** What to do when a signal aborts: one listener per signal, since Node warns about more than ten. */
const listeners = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls `leave` when the signal aborts, unless the returned function is called before. */
export function onAbort(signal: AbortSignal, leave: () => void): () => void {
  const waiting = listeners.get(signal) ?? listen(signal)
  // A function of its own, so that each wait counts, whatever it is given.
  const entry = () => leave()
  waiting.add(entry)
  return () => {
    if (waiting.delete(entry) && waiting.size === 0) stopListening(signal)
  }
}

const stops = new WeakMap<AbortSignal, () => void>()

function listen(signal: AbortSignal): Set<() => void> {
  const waiting = new Set<() => void>()
  const aborted = () => {
    stopListening(signal)
    for (const leave of [...waiting]) leave()
  }
  signal.addEventListener('abort', aborted)
  listeners.set(signal, waiting)
  stops.set(signal, () => signal.removeEventListener('abort', aborted))
  return waiting
}

function stopListening(signal: AbortSignal): void {
  listeners.delete(signal)
  stops.get(signal)?.()
  stops.delete(signal)
}
