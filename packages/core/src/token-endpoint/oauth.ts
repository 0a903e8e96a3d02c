// What is used of the OAuth library, by name: it is bundled with core, in a file of its own that the first token request
// loads.
export { allowInsecureRequests, clientCredentialsGrantRequest, customFetch } from 'oauth4webapi'
