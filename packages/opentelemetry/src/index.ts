export { type InstrumentationOptions, instrumentMcaAuth } from './instrument.js'
