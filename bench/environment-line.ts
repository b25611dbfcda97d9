import { availableParallelism } from 'node:os'
import type { Kubectl } from '../test/e2e/support/kubectl.ts'
import type { Options } from './options.ts'

/** What a figure means nothing without. */
export interface EnvironmentLine {
  machine: string
  cluster: string
  rounds: number
  files: number
}

export async function environmentOf(kubectl: Kubectl, { rounds, files }: Options): Promise<EnvironmentLine> {
  const { serverVersion } = JSON.parse(await kubectl.run(['version', '-o', 'json']))
  return {
    machine: `Node ${process.version}, ${availableParallelism()} CPUs, ${process.platform} ${process.arch}`,
    cluster: `Kubernetes ${serverVersion.gitVersion}`,
    rounds,
    files,
  }
}
