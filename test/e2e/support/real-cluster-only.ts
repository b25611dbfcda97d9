/**
 * End-to-end tests that a real cluster alone can pass, and why; every other file runs on the embedded one too (vitest
 * project `embedded`).
 */
export const realClusterOnly: Record<string, string> = {
  'agent-delivery.test.ts': 'images of other libcs and without a shell, users, read-only file systems',
  'agent-services.test.ts': 'the same images; what a container isolates',
  'autoscaled.test.ts': 'the embedded cluster has no autoscalers',
  'cost.test.ts': 'compares times, which are a kubelet’s',
  'images.test.ts': 'images of other libcs and without a shell',
  'shapes.test.ts': 'images of other libcs; what a container isolates',
  'startup.test.ts': 'asks no cluster at all: once is enough',
  'swap.test.ts': 'quota, LimitRange, Pod Security; images of other libcs',
  'troubles.test.ts': 'evictions, budgets, admission, images that cannot be pulled, memory limits',
  'volumes.test.ts': 'takes rights away; what the files of an image are; what a container isolates',
}
