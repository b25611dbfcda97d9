export interface KubeconfigParts {
  /** Of the person. */
  name: string
  token: string
  namespace: string
  url: string
  /** PEM. */
  authority: string
}

/** A kubeconfig of one context, `sandbox`. JSON is YAML too: nothing needs to be quoted by hand. */
export function kubeconfigFor({ name, token, namespace, url, authority }: KubeconfigParts): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'sandbox',
    clusters: [
      {
        name: 'sandbox',
        cluster: { server: url, 'certificate-authority-data': Buffer.from(authority).toString('base64') },
      },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: name, namespace } }],
  }
  return `${JSON.stringify(config, null, 2)}\n`
}
