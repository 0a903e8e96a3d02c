import { createRequire } from 'node:module'
import { type AxiosConfig, mcaAuth } from '@mca-auth/axios'
import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import type { ClientOptions } from '@mca-auth/core/adapter'

/** The part of an SDK's request options that is used here. */
export interface RequestOptions {
  /** What the SDK hands to axios with the request. */
  axiosOptions?: { adapter?: unknown } | undefined
}

/** The axios that the SDKs send with. */
interface SdkAxios {
  readonly defaults: { readonly adapter?: unknown }
  getAdapter(adapters: unknown): unknown
}

/**
 * An authenticator for `@ibm-cloud/cloudant` and every other SDK on `ibm-cloud-sdk-core`: each request carries a cached
 * access token. If it is rejected, the request is resent once with a new one. With `service`, it takes the configuration
 * that the SDK itself would take.
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
  #adapter: unknown

  /**
   * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
   * @param clientOptions - with a provider: `origins`, `incoming` and `tokenRequest` of this client.
   */
  constructor(optionsOrProvider?: McaAuthOptions | TokenProvider, clientOptions?: ClientOptions) {
    this.#intercept = mcaAuth(optionsOrProvider, clientOptions)
  }

  /** Called by the SDK before each request, whose axios options it changes. */
  async authenticate(requestOptions: RequestOptions): Promise<void> {
    const { axiosOptions } = requestOptions
    const config = { ...axiosOptions, adapter: axiosOptions?.adapter ?? this.#sdkAdapter() }
    // The interceptor only puts an adapter around that of the config; the headers are made later.
    requestOptions.axiosOptions = this.#intercept(config as unknown as AxiosConfig)
  }

  authenticationType(): string {
    return 'mcaAuth'
  }

  /** The default adapter of the axios copy that the SDK uses; a program may have several copies. */
  #sdkAdapter(): unknown {
    if (this.#adapter === undefined) {
      const require = createRequire(import.meta.url)
      const axios = createRequire(require.resolve('ibm-cloud-sdk-core'))('axios') as SdkAxios
      this.#adapter = axios.getAdapter(axios.defaults.adapter)
    }
    return this.#adapter
  }
}
