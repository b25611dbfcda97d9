export type ServerRequest =
  | { type: 'start'; namespaces: string[]; connectionsMax: number; objectsMax: number }
  | { type: 'deploy'; namespace: string; names: string[] }
  | { type: 'figures' }

export type ServerAnswer =
  | { type: 'started'; url: string; kubeconfig: string }
  | { type: 'deployed' }
  | { type: 'figures'; figures: ServerFigures }

export interface ServerFigures {
  rssMiB: number
  cpuMs: number
  /** Since the start, by kind: `watch` (opened), `renewal`, `other`. */
  requests: Record<string, number>
}
