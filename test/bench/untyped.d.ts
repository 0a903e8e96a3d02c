declare module 'axios-token-interceptor'
declare module 'ibmcloud-appid'
declare module 'simple-oauth2'
declare module 'undici-oidc-interceptor'
