import { dirname } from 'node:path'
import type { Clock, Timers } from '../base/clock.ts'
import { podLayout } from '../base/pod-layout.ts'
import { type PodFiles, podFiles } from '../pod/pod-files.ts'
import type { PodRoot } from '../pod/pod-root.ts'
import type { AgentLog } from './agent-log.ts'

/** The agent's files; `devCommand*` outlive it. */
export interface AgentFiles extends PodFiles {
  init: string
  log: string
  /** Made by the pod's first agent, and left by those that come after it. */
  began: string
  /** Socket of the dev command's terminal; `.exit` and `.out` beside it are `init pty`'s. */
  devCommandSocket: string
  /** JSON of what was started, so that the next agent finds it. */
  devCommandRecord: string
}

/** The files below `home`, the folder that the init container filled. */
export function agentFiles(home: string): AgentFiles {
  const files = podFiles(home)
  return {
    ...files,
    init: home + podLayout.init.slice(podLayout.home.length),
    log: `${files.private}/agent.log`,
    began: `${files.private}/began`,
    devCommandSocket: `${files.private}/dev.sock`,
    devCommandRecord: `${files.private}/dev.json`,
  }
}

/** The home folder of a bundle, which lies in the private folder. */
export function homeOfBundle(bundleFile: string): string {
  return dirname(dirname(bundleFile))
}

/** What every part of the agent works with. */
export interface AgentContext {
  files: AgentFiles
  /** Where the container's paths are. */
  root: PodRoot
  /** The container's own environment. */
  environment: Record<string, string>
  clock: Clock
  timers: Timers
  log: AgentLog
}
