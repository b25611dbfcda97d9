import { defineConfig } from 'vitest/config'

// A test waits for a state, and a busy machine may be slow to reach it: what never comes is told late, not what is late.
const expect = { poll: { timeout: 30_000 } }

// `unit` needs Node and npm only; `cluster` needs a Kubernetes (PODSWAP_E2E_KUBECONFIG, PODSWAP_E2E_ADMIN_KUBECONFIG).
export default defineConfig({
  test: {
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
          name: 'cluster',
          include: ['test/e2e/**/*.test.ts', 'test/cluster/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect,
          fileParallelism: false,
        },
      },
    ],
  },
})
