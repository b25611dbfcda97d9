import { describe, expect, test } from 'vitest'
import { agentImage, defaultAgentImage } from '../../../src/agent/agent-image.ts'
import { type AgentPartsOptions, agentParts } from '../../../src/agent/pod-parts.ts'

const parts = (options: Partial<AgentPartsOptions> = {}) =>
  agentParts({ image: 'node:22', startScript: 'script', ...options })
const securityContext = (options: Partial<AgentPartsOptions>) => parts(options).initContainer.securityContext
const hardened = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }

test('the parts fit together', () => {
  const { initContainer, volume, volumeMount, command } = parts({ imagePullPolicy: 'Always' })
  expect(volume).toEqual({ name: 'podswap-agent', emptyDir: {} })
  expect(volumeMount).toEqual({ name: 'podswap-agent', mountPath: '/podswap' })
  expect(initContainer).toMatchObject({
    name: 'podswap-agent',
    image: 'node:22',
    imagePullPolicy: 'Always',
    command: ['node', '-e', 'script'],
    volumeMounts: [volumeMount],
    terminationMessagePolicy: 'FallbackToLogsOnError',
  })
  expect(command).toEqual([
    '/podswap/init',
    'boot',
    '/podswap/ld',
    '--library-path',
    '/podswap/lib',
    '/podswap/node',
    '--max-old-space-size=1024',
    '--initial-old-space-size=96',
    '--v8-pool-size=1',
    '--max-semi-space-size=8',
    '/podswap/boot.cjs',
  ])
  expect(parts().initContainer).not.toHaveProperty('imagePullPolicy')
})

test.each([
  ['no limit', undefined, 1024],
  ['a limit', '768Mi', 384],
  ['a large limit', '16Gi', 1024],
  ['a small limit', '300Mi', 160],
  ['a limit that the API will refuse', 'much', 160],
])('the agent’s heap leaves room for the others of the container: %s', (_, memory, megabytes) => {
  const { command } = parts({ containerResources: { limits: { ...(memory && { memory }) } } })
  expect(command.filter(flag => flag.includes('max-old'))).toEqual([`--max-old-space-size=${megabytes}`])
})

describe('security context of the init container', () => {
  test.each<[string, Partial<AgentPartsOptions>, object]>([
    ['nothing said', {}, {}],
    [
      'the container’s user',
      { containerSecurityContext: { runAsUser: 7 }, podSecurityContext: { runAsUser: 8 } },
      { runAsUser: 7 },
    ],
    ['the pod’s user', { podSecurityContext: { runAsUser: 8, runAsGroup: 9 } }, { runAsUser: 8, runAsGroup: 9 }],
    ['user 0', { containerSecurityContext: { runAsUser: 0 }, podSecurityContext: { runAsUser: 8 } }, { runAsUser: 0 }],
    [
      'non-root without a user',
      { containerSecurityContext: { runAsNonRoot: true } },
      { runAsNonRoot: true, runAsUser: 65532 },
    ],
    ['non-root by the pod', { podSecurityContext: { runAsNonRoot: true } }, { runAsNonRoot: true, runAsUser: 65532 }],
    [
      'non-root taken back',
      { containerSecurityContext: { runAsNonRoot: false }, podSecurityContext: { runAsNonRoot: true } },
      { runAsNonRoot: false },
    ],
    [
      'where the cluster assigns users',
      { containerSecurityContext: { runAsNonRoot: true }, assignsUsers: true },
      { runAsNonRoot: true },
    ],
    [
      'profiles are the container’s, rights are not',
      {
        containerSecurityContext: {
          privileged: true,
          allowPrivilegeEscalation: true,
          capabilities: { add: ['NET_ADMIN'] },
          seccompProfile: { type: 'RuntimeDefault' },
          seLinuxOptions: { level: 's0' },
        },
      },
      { seccompProfile: { type: 'RuntimeDefault' }, seLinuxOptions: { level: 's0' } },
    ],
  ])('%s', (_name, options, expected) => {
    expect(securityContext(options)).toEqual({ ...hardened, ...expected })
  })
})

describe('resources of the init container', () => {
  const own = { memory: `${256 * 2 ** 20}` }
  test.each<[string, Partial<AgentPartsOptions>, object]>([
    ['nothing said: no limit of storage, for it would be the whole pod’s', {}, { requests: {}, limits: own }],
    [
      'the dev container’s, without its devices',
      {
        containerResources: {
          requests: { cpu: '1', memory: '1Gi', 'nvidia.com/gpu': '1' },
          limits: { memory: '2Gi', 'ephemeral-storage': '1Gi', 'nvidia.com/gpu': '1' },
        },
      },
      { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi', 'ephemeral-storage': '1Gi' } },
    ],
    [
      'the manifest’s win whole',
      { containerResources: { limits: { cpu: '4' } }, resources: { limits: { memory: '64Mi' } } },
      { requests: {}, limits: { memory: '64Mi' } },
    ],
    [
      'no limit of ours below a request of theirs',
      { containerResources: { requests: { memory: '1Gi' } } },
      { requests: { memory: '1Gi' }, limits: {} },
    ],
  ])('%s', (_name, options, expected) => {
    expect(parts(options).initContainer.resources).toEqual(expected)
  })
})

test('the image: environment, manifest, stock', () => {
  expect(agentImage({ PODSWAP_AGENT_IMAGE: 'mine:1' }, 'theirs:1')).toBe('mine:1')
  expect(agentImage({ PODSWAP_AGENT_IMAGE: '' }, 'theirs:1')).toBe('theirs:1')
  expect(agentImage({}, undefined)).toBe(defaultAgentImage)
  expect(defaultAgentImage).toMatch(/^docker\.io\/library\/node:\d+\.\d+\.\d+-[a-z-]+@sha256:[0-9a-f]{64}$/)
})
