import { describe, expect, it } from 'vitest'
import { agentParts } from '../../../../src/agent/pod-parts.ts'
import { unenforced, unsupported } from '../../../../src/sandbox/runtime/unsupported.ts'

const paths = (complaints: string[]) => complaints.map(text => text.slice(0, text.indexOf(': ')))
const inContainer = (container: object) => paths(unsupported({ containers: [{ name: 'a', ...container }] }))

describe('a pod’s spec', () => {
  it('is refused where it asks for what a process of the machine cannot have', () => {
    expect(
      paths(
        unsupported({
          hostNetwork: true,
          hostPID: true,
          hostIPC: true,
          hostUsers: false,
          shareProcessNamespace: true,
          runtimeClassName: 'gvisor',
          dnsConfig: { searches: ['x'] },
          setHostnameAsFQDN: true,
          securityContext: { sysctls: [{ name: 'a', value: 'b' }] },
          volumes: [
            { name: 'a', hostPath: { path: '/' } },
            { name: 'b', nfs: {} },
            { name: 'c', emptyDir: {} },
          ],
        }),
      ),
    ).toEqual([
      'hostNetwork',
      'hostPID',
      'hostIPC',
      'shareProcessNamespace',
      'hostUsers',
      'runtimeClassName',
      'securityContext.sysctls',
      'dnsConfig',
      'setHostnameAsFQDN',
      'volumes[0].hostPath',
      'volumes[1].nfs',
    ])
    const at = 'containers[0].'
    expect(inContainer({ securityContext: { privileged: true } })).toEqual([`${at}securityContext.privileged`])
    expect(inContainer({ securityContext: { capabilities: { add: ['NET_ADMIN'] } } })).toEqual([
      `${at}securityContext.capabilities.add`,
    ])
    expect(inContainer({ tty: true, stdin: true })).toEqual([`${at}tty`, `${at}stdin`])
    expect(inContainer({ ports: [{ containerPort: 1 }, { containerPort: 2, hostPort: 2 }] })).toEqual([
      `${at}ports[1].hostPort`,
    ])
    expect(inContainer({ resources: { limits: { 'nvidia.com/gpu': 1, cpu: 1 } } })).toEqual([`${at}resources`])
    expect(inContainer({ volumeMounts: [{ mountPropagation: 'Bidirectional' }, {}] })).toEqual([
      `${at}volumeMounts[0].mountPropagation`,
    ])
    expect(inContainer({ volumeDevices: [{}] })).toEqual([`${at}volumeDevices`])
    expect(paths(unsupported({ initContainers: [{ tty: true }] }))).toEqual(['initContainers[0].tty'])
  })

  it('is accepted where it only asks for less, which is told', () => {
    const { initContainer, volume } = agentParts({
      image: 'node',
      startScript: '',
      containerSecurityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    })
    const spec = {
      hostNetwork: false,
      securityContext: { runAsNonRoot: true, fsGroup: 1000 },
      initContainers: [initContainer],
      containers: [
        {
          resources: { limits: { cpu: 1, memory: '1Gi' } },
          volumeMounts: [{ readOnly: true }],
          ports: [{ containerPort: 80 }],
        },
      ],
      volumes: [volume, { name: 'p', projected: {} }, { name: 'c', persistentVolumeClaim: { claimName: 'c' } }],
    }
    expect(unsupported(spec)).toEqual([])
    expect(unenforced(spec)).toEqual([
      'securityContext.runAsNonRoot',
      'securityContext.fsGroup',
      'securityContext.runAsUser',
      'securityContext.readOnlyRootFilesystem',
      'securityContext.seccompProfile',
      'securityContext.capabilities.drop',
      'resources.limits',
      'volumeMounts.readOnly',
    ])
    for (const empty of [undefined, {}, { containers: [] }]) {
      expect(unsupported(empty)).toEqual([])
      expect(unenforced(empty)).toEqual([])
    }
  })
})
