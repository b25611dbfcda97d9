/**
 * End-to-end tests that a real cluster alone can pass, and why; every other file runs on the embedded one too (vitest
 * project `embedded`).
 */
export const realClusterOnly: Record<string, string> = {
  'agent-delivery.test.ts': 'images of other libcs and without a shell, users, read-only file systems',
  'agent-services.test.ts': 'the same images; what a container isolates',
  'autoscaled.test.ts': 'the embedded cluster has no autoscalers',
  'by-hand.test.ts': 'kubectl apply and set, which send strategic merge patches',
  'conflicts.test.ts': 'not tried on it yet',
  'crashes.test.ts': 'a container sees its own processes only, and the first of them is process 1',
  'faults.test.ts': 'not tried on it yet',
  'hot-reload.test.ts': 'its program writes below /tmp, which is the container’s own',
  'images.test.ts': 'images of other libcs and without a shell',
  'kept.test.ts': 'not tried on it yet',
  'moving.test.ts': 'not tried on it yet',
  'network.test.ts': 'the pods’ network',
  'refusals.test.ts': 'kinds that the embedded cluster does not serve; admission',
  'services.test.ts': 'not tried on it yet',
  'shapes.test.ts': 'images of other libcs; what a container isolates',
  'sharing.test.ts': 'takes rights away, which are fixed when the embedded cluster starts',
  'startup.test.ts': 'asks no cluster at all: once is enough',
  'swap.test.ts': 'quota, LimitRange, Pod Security; images of other libcs',
  'terminal.test.ts': 'kubectl set, which sends strategic merge patches; what a container isolates',
  'traffic.test.ts': 'keeps connections by kube-proxy',
  'troubles.test.ts': 'evictions, budgets, admission, images that cannot be pulled, memory limits',
  'two-people.test.ts': 'not tried on it yet',
  'walkthrough.test.ts': 'kubectl apply of a file; a client whose image is busybox',
}
