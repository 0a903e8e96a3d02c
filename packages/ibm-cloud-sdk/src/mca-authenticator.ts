import { type AxiosConfig, mcaAuth } from '@mca-auth/axios'
import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import type { ClientOptions } from '@mca-auth/core/adapter'

/** The part of an SDK's request options that is used here. */
export interface RequestOptions {
  /** Passed from the SDK to axios with the request. */
  axiosOptions?: { adapter?: unknown } | undefined
}

/**
 * An authenticator for `@ibm-cloud/cloudant` and every other SDK on `ibm-cloud-sdk-core`: each request carries a cached
 * access token. If it is rejected, the request is resent once with a new one. With `service`, it reads the same
 * configuration as the SDK itself.
 *
 * @throws TypeError for a bad option; McaAuthError if credentials are missing. If no token is available, a request rejects
 *   with the SDK's error, whose message is McaAuthError's, and is not sent.
 * @example
 * ```ts
 * import { CloudantV1 } from '@ibm-cloud/cloudant'
 * import { McaAuthenticator } from '@mca-auth/ibm-cloud-sdk'
 *
 * const serviceUrl = 'https://orders.cloudant.example.com'
 * const cloudant = new CloudantV1({ authenticator: new McaAuthenticator({ origins: serviceUrl }) })
 * cloudant.setServiceUrl(serviceUrl)
 * await cloudant.getAllDbs()
 *
 * const authenticator = new McaAuthenticator({ service: 'cloudant' }) // CLOUDANT_APIKEY, CLOUDANT_URL and so on
 * await CloudantV1.newInstance({ authenticator }).getAllDbs()
 * ```
 */
export class McaAuthenticator {
  readonly #intercept: (config: AxiosConfig) => AxiosConfig

  /**
   * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
   * @param clientOptions - with a provider: `origins`, `incoming`, `tokenRequest` and `allowInsecureRequests` of
   *   this client.
   */
  constructor(optionsOrProvider?: McaAuthOptions | TokenProvider, clientOptions?: ClientOptions) {
    this.#intercept = mcaAuth(optionsOrProvider, clientOptions)
  }

  /** Called by the SDK before each request, whose axios options it changes. */
  async authenticate(requestOptions: RequestOptions): Promise<void> {
    // The interceptor only puts an adapter around that of the config, or around axios' own; the headers are made later.
    const config = { ...requestOptions.axiosOptions } as unknown as AxiosConfig
    requestOptions.axiosOptions = this.#intercept(config)
  }

  /** A name for the SDK's own messages. */
  authenticationType(): string {
    return 'mcaAuth'
  }
}
