/** What the error codes of IBM Cloud IAM and of the instance metadata service mean, and what to do. */
const byCode: Readonly<Record<string, string>> = {
  BXNIM0106E: 'IAM finds a field of the token request wrong: see the message, and leave out --parameter and --scope',
  BXNIM0109E: 'IAM misses a field of the token request: see the message',
  BXNIM0308E: 'IAM wants a client id and secret as well as the API key: see whether this account is restricted to some',
  BXNIM0398E:
    'link the trusted profile to this compute resource: the cluster, namespace and service account, or the project and application',
  BXNIM0415E:
    'IAM does not know this API key: it was deleted or rotated, or belongs to another environment (see AUTH_URL)',
  BXNIM0462E: 'the API key is disabled: enable it, or create another one for the same service ID',
  BXNIM0602E:
    'IAM does not know the client id and secret that go with the API key: most keys need neither, so leave both out',
  profile_not_linked: 'link the trusted profile to this virtual server, or make it the default profile of the server',
  unauthorized: 'enable the metadata service of this virtual server, and allow it to give identity tokens',
}

/** `undefined` for the codes of others. */
export function ibmAdvice(code: string | undefined, status: number | undefined): string | undefined {
  // With 401, other servers mean the client.
  if (code === 'unauthorized' && status !== 403) return undefined
  return code !== undefined && Object.hasOwn(byCode, code) ? byCode[code] : undefined
}
