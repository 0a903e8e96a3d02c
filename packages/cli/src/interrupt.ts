/**
 * Ends by SIGINT, so that a shell stops its loop too, with the code 130. As the first process of a container, which the
 * default action of a signal does not end, it exits with the same code.
 */
export function endByInterrupt(): never {
  process.removeAllListeners('SIGINT')
  process.kill(process.pid, 'SIGINT')
  process.exit(130)
}
