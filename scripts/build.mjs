// Builds dist/podswap.cjs (the CLI, one file) and dist/agent.cjs (what runs in the pod, one file).
// CommonJS: client-node's dependencies use dynamic require, which esbuild's ESM output cannot serve.
import { chmodSync, existsSync } from 'node:fs'
import { build } from 'esbuild'

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  minify: true,
  keepNames: true,
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  loader: { '.b64': 'text' },
}

if (existsSync('syncer/agent.ts')) {
  await build({ ...common, entryPoints: ['syncer/agent.ts'], outfile: 'dist/agent.cjs' })
}
if (existsSync('src/main.ts')) {
  await build({
    ...common,
    entryPoints: ['src/main.ts'],
    outfile: 'dist/podswap.cjs',
    banner: { js: '#!/usr/bin/env node' },
  })
  chmodSync('dist/podswap.cjs', 0o755)
}
