import type { ResponseHeaders } from './response-headers.js'

/** Details of a redirect besides its target. */
export interface RedirectDetails {
  /** Whether the adapter sends the hop, or sees it being sent. @default false */
  readonly hopIsOurs?: boolean | undefined
  /** The headers of the response that redirects. */
  readonly headers?: ResponseHeaders
}

/** Details of a response besides its status and headers. */
export interface ResponseDetails {
  /** Whether the body of the request can be sent again, byte for byte. @default false */
  readonly replayable?: boolean | undefined
  /** Whether the response came from a cache, not from a server. @default false */
  readonly fromCache?: boolean | undefined
}
