// A process that sends itself a signal after its n-th file-system call. What it does is written to its standard output at
// once, so that nothing of it is lost.
import { writeSync } from 'node:fs'
import { endWithParent } from '../fleet/orders.js'
import { prepareHold } from './hold.js'
import { watchFiles } from './watched-files.js'

endWithParent()

const { at, signal, ...argument } = JSON.parse(process.argv[2] ?? '{}')

function report(/** @type {object} */ event) {
  writeSync(1, `${JSON.stringify(event)}\n`)
}

const hold = await prepareHold(argument, report)
let calls = 0
watchFiles(argument.directory, {
  after: (call) => {
    report({ file: call })
    if (++calls !== at) return
    report({ interrupted: true })
    process.kill(process.pid, signal)
  },
})
await hold()
// It ends by itself when the work in the background is done: nothing else may keep it alive.
process.removeAllListeners('disconnect').disconnect()
