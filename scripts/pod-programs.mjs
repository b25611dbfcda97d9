// The small programs that run in a pod, and the init container's script that carries them.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Source of a script for `node -e` that fills /podswap (see `syncer/pod/start.ts`). */
export async function buildStartScript() {
  const programs = {
    init: { x64: pack(nativeProgram('amd64')), arm64: pack(nativeProgram('arm64')) },
    boot: pack(await buildPodProgram('boot')),
    attach: pack(await buildPodProgram('attach')),
    fill: pack(await buildPodProgram('fill')),
  }
  const script = await bundle('syncer/pod/start.ts', { programs: JSON.stringify(programs) })
  // Kubernetes expands $(NAME) and $$ in a container's command
  if (/\$[$(]/.test(script)) throw new Error('start script: Kubernetes would change a $( or $$ in it')
  return script
}

/** One of the small programs, as one CommonJS file. */
export function buildPodProgram(name) {
  return bundle(`syncer/pod/${name}.ts`)
}

/** A program of the embedded cluster's pods, as one CommonJS file; PGlite, which brings other files, stays outside. */
export function buildSandboxProgram(name) {
  return bundle(`src/sandbox/runtime/programs/${name}.ts`, {}, ['@electric-sql/pglite', '@lydell/node-pty'])
}

function nativeProgram(arch) {
  return readFileSync(`${root}/native/built/init-${arch}`)
}

async function bundle(entry, define = {}, external = []) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    supported: { 'template-literal': false },
    define,
    external,
    write: false,
    logLevel: 'warning',
  })
  return result.outputFiles[0].text.trim()
}

function pack(content) {
  const bytes = Buffer.from(content)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
  return brotliCompressSync(bytes, { params }).toString('base64')
}
