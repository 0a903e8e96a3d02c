interface Credentials {
  clientId: string
  secret: string
  oauthServerUrl: string
}

export declare function worldOf(client: string): { api: string; credentials: Credentials; denied: Credentials }
export declare function exercise(client: string, send: (url: string) => Promise<number>): Promise<void>
export declare function failureOf(client: string, send: (url: string) => Promise<unknown>): Promise<unknown>
