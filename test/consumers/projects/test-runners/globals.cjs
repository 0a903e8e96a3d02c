// node:test has no globals.
globalThis.test = require('node:test').test
