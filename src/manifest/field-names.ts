/**
 * Every field that Okteto's manifests know, as of its releases 1.10 to 3.x, and what becomes of each here.
 *
 * - `read`: acted on.
 * - `later`: understood, not acted on yet; said in a warning where it asks for something.
 * - `void`: has no counterpart here; likewise.
 */
export type FieldUse = 'read' | 'later' | 'void'

export const devFields: Readonly<Record<string, FieldUse>> = {
  name: 'read',
  selector: 'read',
  labels: 'read',
  container: 'read',
  image: 'read',
  imagePullPolicy: 'read',
  command: 'read',
  workdir: 'read',
  mountpath: 'read',
  subpath: 'read',
  sync: 'read',
  volumes: 'read',
  forward: 'read',
  interface: 'read',
  environment: 'read',
  envFiles: 'read',
  initContainer: 'read',
  securityContext: 'read',
  resources: 'read',
  namespace: 'read',
  context: 'read',
  mode: 'read',
  divert: 'read',
  externalVolumes: 'read',
  persistentVolume: 'read',
  reverse: 'read',
  secrets: 'read',
  nodeSelector: 'read',
  affinity: 'read',
  tolerations: 'read',
  serviceAccount: 'read',
  priorityClassName: 'read',
  probes: 'read',
  healthchecks: 'read',
  lifecycle: 'read',
  metadata: 'read',
  annotations: 'read',
  timeout: 'read',
  autocreate: 'read',
  replicas: 'read',
  services: 'read',
  initFromImage: 'read',
  args: 'void',
  remote: 'void',
  sshServerPort: 'void',
  docker: 'void',
  push: 'void',
}

/** Fields of the root of a v2 file. */
export const rootFields: Readonly<Record<string, FieldUse>> = {
  dev: 'read',
  namespace: 'read',
  context: 'read',
  devs: 'read',
  variables: 'read',
  forward: 'read',
  build: 'later',
  deploy: 'later',
  destroy: 'later',
  dependencies: 'later',
  external: 'later',
  test: 'later',
  name: 'void',
  icon: 'void',
}

/** Fields that decide what is touched: a slip in one is an error, for passing over it would hit another thing. */
export const vitalFields: readonly string[] = [
  'dev',
  'name',
  'namespace',
  'context',
  'selector',
  'labels',
  'container',
  'sync',
  'mode',
  'initial',
  'divert',
]
