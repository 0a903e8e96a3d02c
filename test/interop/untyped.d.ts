declare module 'express' {
  import type { IncomingMessage, ServerResponse } from 'node:http'
  export type Request = IncomingMessage
  export type Response = ServerResponse & { set(name: string, value: string): Response; status(code: number): Response }
  // biome-ignore lint/suspicious/noExplicitAny: untyped, as the others here
  export default function express(): any
}
declare module 'express-pouchdb'
declare module 'pouchdb-adapter-memory'
declare module 'pouchdb-core'
declare module 'pouchdb-find'
declare module 'pouchdb-mapreduce'
declare module 'koa'
declare module 'oidc-provider'
