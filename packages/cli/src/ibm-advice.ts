/** Explanations and advice for the error codes of IBM Cloud IAM and of the instance metadata service. */
const byCode: Readonly<Record<string, string>> = {
  BXNIM0106E: 'IAM rejects a field of the token request: see the message, and leave out --parameter and --scope',
  BXNIM0109E: 'a field of the token request is missing: see the message',
  BXNIM0308E:
    'IAM requires a client id and secret in addition to the API key: check whether this account is restricted to some',
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

/** `undefined` for codes of other servers. */
export function ibmAdvice(code: string | undefined, status: number | undefined): string | undefined {
  // With a 401, this code of another server is about the client.
  if (code === 'unauthorized' && status !== 403) return undefined
  return code !== undefined && Object.hasOwn(byCode, code) ? byCode[code] : undefined
}
