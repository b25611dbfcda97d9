import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { type Ground, targets } from './ground.ts'

export interface TarOptions {
  /** Gzip, at both ends. */
  isPacked?: boolean
  /** For tar's stdin. */
  input?: string
  /** By which kubectl reaches the cluster. */
  kubeconfig?: string
}

/** `tar -c … | kubectl exec -i -- tar -x` from the synced folder into the other one of the pod. @param what for tar */
export async function tarThroughExec(ground: Ground, what: string[], options: TarOptions = {}): Promise<void> {
  const { isPacked, input, kubeconfig } = options
  const pack = isPacked ? 'z' : ''
  const exec = await execIn(ground, kubeconfig)
  const tar = spawn('tar', ['-C', ground.tree, `-${pack}cf`, '-', ...what], { stdio: ['pipe', 'pipe', 'inherit'] })
  tar.stdin.on('error', () => {})
  tar.stdin.end(input)
  const kubectl = spawn('kubectl', [...exec, 'tar', `-${pack}xf`, '-', '-C', targets.theirs], {
    stdio: [tar.stdout, 'ignore', 'inherit'],
  })
  const [code] = await once(kubectl, 'close')
  if (code !== 0) throw new Error(`tar through kubectl exec ended with ${code}`)
}

/** A file of the synced folder into the other one of the pod, through `kubectl exec -i -- cat`. */
export async function copyThroughExec(ground: Ground, name: string): Promise<void> {
  const exec = await execIn(ground)
  const descriptor = openSync(join(ground.tree, name), 'r')
  try {
    const kubectl = spawn('kubectl', [...exec, 'sh', '-c', 'cat > "$0"', `${targets.theirs}/${name}`], {
      stdio: [descriptor, 'ignore', 'inherit'],
    })
    const [code] = await once(kubectl, 'close')
    if (code !== 0) throw new Error(`cat through kubectl exec ended with ${code}`)
  } finally {
    closeSync(descriptor)
  }
}

/** Arguments of kubectl up to the command. */
async function execIn(ground: Ground, kubeconfig = ground.kubectl.kubeconfig): Promise<string[]> {
  const place = ['-n', ground.kubectl.namespace, 'exec', '-i', await ground.podName(), '-c', 'app', '--']
  return ['--kubeconfig', kubeconfig, ...place]
}
