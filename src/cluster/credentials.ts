import { readFile } from 'node:fs/promises'
import { Agent as HttpAgent } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, type RequestOptions } from 'node:https'
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'
import type { KubeAccess, KubeUser } from './kubeconfig.ts'
import { proxyFor } from './proxy.ts'

/** What a request needs to be let in. */
export interface Authority {
  headers: Record<string, string | string[]>
  /** Keeps connections open; carries the TLS material and the proxy. */
  agent: HttpAgent
}

/** A login plugin may open a browser and wait for the person. */
const pluginTimeoutMs = 60_000
/** Short of every load balancer's idle limit, so that a request does not meet a connection that is being closed. */
const idleSocketMs = 20_000
/** A token in a file or of OIDC rotates: looked at again this often, as client-go does. */
const rotationMs = 10_000

/**
 * Who we are at the API server, after the kubeconfig's user: client certificate, token, token file, password, exec
 * plugin or OIDC. A plugin runs once and again after {@link Credentials.renew}, as in client-go.
 */
export class Credentials {
  readonly #access: KubeAccess
  readonly #env: Readonly<Record<string, string | undefined>>
  #execAuth = new ExecAuth()
  #ready: Promise<Authority> | undefined
  #current: Authority | undefined
  #readAtMs = 0
  #agent: { agent: HttpAgent; material: string } | undefined

  constructor(access: KubeAccess, env: Readonly<Record<string, string | undefined>>) {
    this.#access = access
    this.#env = env
  }

  /** Fails with `unauthorized` where the person has to log in, `unsupported` for a login that kubectl dropped too. */
  authority(): Promise<Authority> {
    const rotates = this.#access.user.tokenFile !== undefined || this.#access.user.authProvider?.name === 'oidc'
    if (rotates && performance.now() - this.#readAtMs > rotationMs) this.#ready = undefined
    this.#ready ??= this.#renewed()
    return this.#ready
  }

  /** The API server refused `stale` (401): the next call logs in again, unless that has happened meanwhile. */
  renew(stale: Authority): void {
    if (stale !== this.#current) return
    this.#ready = undefined
    this.#execAuth = new ExecAuth()
  }

  close(): void {
    this.#agent?.agent.destroy()
    this.#agent = undefined
    this.#ready = undefined
  }

  async #renewed(): Promise<Authority> {
    this.#readAtMs = performance.now()
    try {
      this.#current = await this.#build()
      return this.#current
    } catch (error) {
      this.#ready = undefined
      throw error
    }
  }

  async #build(): Promise<Authority> {
    const { cluster, user } = this.#access
    const options: RequestOptions & { headers: Record<string, string | string[]> } = { headers: {} }
    const [ca, cert, key] = await Promise.all([
      material(cluster.caFile, cluster.caData),
      material(user.certFile, user.certData),
      material(user.keyFile, user.keyData),
    ])
    Object.assign(options, { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
    await this.#logIn(options)
    impersonate(user, options.headers)
    const tls: AgentOptions = {
      ...(options.ca && { ca: options.ca }),
      ...(options.cert && { cert: options.cert }),
      ...(options.key && { key: options.key }),
      ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
      ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
    }
    return { headers: options.headers, agent: await this.#agentFor(tls) }
  }

  async #logIn(options: RequestOptions & { headers: Record<string, string | string[]> }): Promise<void> {
    const { user } = this.#access
    if (user.token) {
      options.headers.Authorization = `Bearer ${user.token.trim()}`
    } else if (user.tokenFile) {
      options.headers.Authorization = `Bearer ${(await readText(user.tokenFile)).trim()}`
    } else if (user.username) {
      const pair = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')
      options.headers.Authorization = `Basic ${pair}`
    } else if (this.#execAuth.isAuthProvider(user)) {
      await runPlugin(this.#execAuth, this.#access, options)
    } else if (user.authProvider?.name === 'oidc') {
      const { OpenIDConnectAuth } = await import('@kubernetes/client-node/dist/oidc_auth.js')
      await loggedIn(new OpenIDConnectAuth().applyAuthentication(user, options), 'the OIDC login')
    } else if (user.authProvider) {
      throw new UserError('unsupported', `the kubeconfig's auth-provider ${user.authProvider.name} is not supported`, {
        hint: 'kubectl dropped it in 1.26; use your cloud’s exec plugin (gke-gcloud-auth-plugin, kubelogin, …)',
      })
    }
  }

  /** One agent as long as its TLS material stays, so that connections are used again. */
  async #agentFor(tls: AgentOptions): Promise<HttpAgent> {
    const kept = JSON.stringify([tls.ca, tls.cert, tls.key])
    if (this.#agent?.material === kept) return this.#agent.agent
    const server = new URL(this.#access.cluster.server)
    const proxy = proxyFor(server, this.#access.cluster.proxyUrl, this.#env)
    const agent = await createAgent(server, proxy, { ...tls, keepAlive: true, timeout: idleSocketMs })
    // requests under way on the old one end by themselves
    this.#agent = { agent, material: kept }
    return agent
  }
}

async function createAgent(server: URL, proxy: string | undefined, options: AgentOptions): Promise<HttpAgent> {
  if (proxy?.startsWith('socks')) {
    const { SocksProxyAgent } = await import('socks-proxy-agent')
    return new SocksProxyAgent(proxy, options as never)
  }
  if (proxy) {
    const { HttpProxyAgent, HttpsProxyAgent } = await import('hpagent')
    const Agent = server.protocol === 'https:' ? HttpsProxyAgent : HttpProxyAgent
    return new Agent({ ...options, proxy } as never)
  }
  return server.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options)
}

async function runPlugin(plugin: ExecAuth, access: KubeAccess, options: RequestOptions): Promise<void> {
  const exec = access.user.exec ?? access.user.authProvider?.config?.exec
  const user = { ...access.user, exec: { ...exec, env: [...(exec?.env ?? []), execInfo(exec, access)] } }
  const timer = new AbortController()
  const deadline = new Promise<never>((_, reject) => {
    const timeout = setTimeout(() => reject(new Error('it does not end; it may be asking for input')), pluginTimeoutMs)
    timer.signal.addEventListener('abort', () => clearTimeout(timeout))
  })
  try {
    await loggedIn(Promise.race([plugin.applyAuthentication(user, options), deadline]), `\`${exec?.command}\``, exec)
  } finally {
    timer.abort()
  }
}

/** What kubectl tells a plugin (client-go, exec.go); client-node tells it nothing, and some refuse to run then. */
function execInfo(exec: { apiVersion?: string; provideClusterInfo?: boolean } | undefined, access: KubeAccess) {
  const { server, caData, skipTLSVerify, tlsServerName } = access.cluster
  const cluster = {
    server,
    'certificate-authority-data': caData,
    'insecure-skip-tls-verify': skipTLSVerify,
    'tls-server-name': tlsServerName,
  }
  const value = {
    kind: 'ExecCredential',
    apiVersion: exec?.apiVersion ?? 'client.authentication.k8s.io/v1',
    spec: { interactive: false, ...(exec?.provideClusterInfo && { cluster }) },
  }
  return { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(value) }
}

async function loggedIn(login: Promise<void>, what: string, exec?: { installHint?: string }): Promise<void> {
  try {
    await login
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).trim()
    const missing = errnoOf(error) === 'ENOENT'
    throw new UserError('unauthorized', `cannot log in with ${what}: ${missing ? 'it is not installed' : reason}`, {
      hint: (missing && exec?.installHint?.trim()) || 'run `kubectl get pods` once: it logs in the same way',
      cause: error,
    })
  }
}

function impersonate(user: KubeUser, headers: Record<string, string | string[]>): void {
  if (user.impersonateUser) headers['Impersonate-User'] = user.impersonateUser
  if (user.impersonateGroups) headers['Impersonate-Group'] = user.impersonateGroups
  if (user.impersonateUid) headers['Impersonate-Uid'] = user.impersonateUid
}

async function material(file: string | undefined, base64: string | undefined): Promise<string | undefined> {
  // as in client-go, what is written out in the kubeconfig wins over a file
  if (base64) return Buffer.from(base64, 'base64').toString('utf8')
  return file ? readText(file) : undefined
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UserError('unauthorized', `cannot read ${file}, which the kubeconfig names: ${errnoOf(error) ?? error}`, {
      cause: error,
    })
  }
}
