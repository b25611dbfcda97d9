import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { realClusterOnly } from './test/e2e/support/real-cluster-only.ts'

// A test waits for a state, and a busy machine may be slow to reach it: what never comes is told late, not what is late.
const expect = { poll: { timeout: 30_000 } }

// `unit` needs Node and npm only; `embedded` runs end-to-end tests on the embedded cluster, and needs kubectl too, and
// python3, which holds terminals;
// `cluster` needs a Kubernetes (PODSWAP_E2E_KUBECONFIG, PODSWAP_E2E_ADMIN_KUBECONFIG).
const missing = [
  ['kubectl', 'version', '--client'],
  ['python3', '--version'],
].flatMap(([program = '', ...args]) => (spawnSync(program, args).status === 0 ? [] : [program]))
if (missing.length > 0) {
  console.warn(`SKIPPED, no ${missing.join(' and no ')} on the PATH: the end-to-end tests on the embedded cluster`)
}

export default defineConfig({
  test: {
    // vitest leaves one core free; of two, which wait most of the time, both are used
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/cluster/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect,
        },
      },
      {
        test: {
          name: 'embedded',
          include: missing.length === 0 ? ['test/e2e/**/*.test.ts'] : [],
          exclude: Object.keys(realClusterOnly).map(file => `test/e2e/${file}`),
          setupFiles: ['test/e2e/support/on-embedded-cluster.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/e2e/**/*.test.ts', 'test/cluster/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect,
        },
      },
    ],
  },
})
