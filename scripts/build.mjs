// Builds dist/podswap.cjs (the CLI, one file), dist/agent.cjs (what runs in the pod, one file), dist/start.cjs (the init
// container's script, with the small programs in it) and dist/sandbox/ (programs of the embedded cluster's pods); and, for
// the demo application, whose pod has no npm, node-postgres as one file.
// CommonJS: client-node's dependencies use dynamic require, which esbuild's ESM output cannot serve.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { build } from 'esbuild'
import { buildSandboxProgram, buildStartScript } from './pod-programs.mjs'

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
  // `debug`, deep below the proxy agents, asks whether this is installed; it is not, and nothing is shown in colours
  alias: { 'supports-color': 'node:tty' },
  // CommonJS has no import.meta
  define: { 'import.meta.dirname': '__dirname' },
}

mkdirSync('dist/sandbox', { recursive: true })
writeFileSync('dist/start.cjs', await buildStartScript())
for (const name of ['preload', 'watchdog', 'portable-init', 'postgres']) {
  writeFileSync(`dist/sandbox/${name}.cjs`, await buildSandboxProgram(name))
}

await build({ ...common, entryPoints: ['syncer/agent.ts'], outfile: 'dist/agent.cjs' })
await build({
  ...common,
  entryPoints: ['src/main.ts'],
  outfile: 'dist/podswap.cjs',
  banner: { js: '#!/usr/bin/env node' },
})
chmodSync('dist/podswap.cjs', 0o755)
await build({
  ...common,
  entryPoints: ['pg'],
  outfile: 'manifests/demo/app/lib/pg.cjs',
  banner: { js: '// node-postgres (https://node-postgres.com, MIT licence), bundled by scripts/build.mjs' },
  // both are optional: a native driver, and sockets of another platform
  external: ['pg-native', 'pg-cloudflare'],
})
