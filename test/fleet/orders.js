// The side of a child process that executes commands of its parent.

/** It ends with its parent, even while it is still loading modules. */
export function endWithParent() {
  process.on('disconnect', () => process.exit())
  if (!process.connected) process.exit()
}

/** Executes these from now on, also several at a time. @param {Record<string, (argument: any) => Promise<unknown>>} orders */
export function execute(orders) {
  process.on('message', async (/** @type {{ id: number, order: string, argument: object }} */ message) => {
    const { id, order, argument } = message
    process.send?.({ id, result: await orders[order]?.(argument) })
  })
  process.send?.({ id: 0 })
}
