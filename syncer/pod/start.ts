// Runs in the init container, as `node -e` of the agent's image: fills /podswap. `scripts/pod-programs.mjs` bundles it
// and puts the programs in. It may run again over its own work.
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { podLayout } from '../base/pod-layout.ts'
import { PodRoot } from './pod-root.ts'
import { portableFiles } from './portable-files.ts'

/** Each brotli and base64; `init` by `process.arch`. */
declare const programs: { init: Record<string, string>; boot: string; attach: string; fill: string }

/** The bundles are built for this one. */
const nodeVersionMin = [20, 19] as const
/** Loaded by name at run time, so no list names them: by the terminal's and, before glibc 2.34, by name resolution. */
const loadedLater = ['libutil.so.1', 'libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2']

const root = PodRoot.of(process.env)
const portable = portableFiles(process.env)

try {
  checkNode()
  fill()
} catch (error) {
  const text = `podswap: cannot prepare the agent: ${error instanceof Error ? error.message : error}\n`
  process.stderr.write(text)
  try {
    writeFileSync(root.path('/dev/termination-log'), text)
  } catch {
    // stderr has it
  }
  process.exit(1)
}

function checkNode(): void {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [majorMin, minorMin] = nodeVersionMin
  if (major! > majorMin || (major === majorMin && minor! >= minorMin)) return
  throw new Error(`the agent's image has Node ${process.versions.node}, it needs ${nodeVersionMin.join('.')} or newer`)
}

function fill(): void {
  if (portable) fillFrom(portable)
  else fillFromImage()
  place(podLayout.boot, path => writeFileSync(path, unpack(programs.boot)))
  place(podLayout.attach, path => writeFileSync(path, unpack(programs.attach)))
  place(podLayout.fill, path => writeFileSync(path, unpack(programs.fill)))
}

/** A pod without an image has the machine's own Node, and needs no loader. */
function fillFrom(files: Record<'loader' | 'node' | 'init', string>): void {
  mkdirSync(root.path(podLayout.home), { recursive: true })
  for (const name of ['loader', 'node', 'init'] as const) {
    place(podLayout[name], path => writeFileSync(path, files[name]))
  }
}

function fillFromImage(): void {
  const init = programs.init[process.arch]
  if (init === undefined) throw new Error(`no program for ${process.arch}, only for ${Object.keys(programs.init)}`)
  const libraries = findLibraries()
  const loader = libraries.find(path => /^ld-(linux|musl)-/.test(basename(path)))
  if (loader === undefined) throw new Error(`the agent's image has a Node without a dynamic loader`)
  const folder = root.path(podLayout.libraries)
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
  for (const path of libraries) copy(path, join(podLayout.libraries, basename(path)))
  copy(loader, podLayout.loader)
  copy(process.execPath, podLayout.node)
  place(podLayout.init, path => writeFileSync(path, unpack(init)))
}

/** Paths as the loader asks for them: the file is named by its soname, whatever the link points to. */
function findLibraries(): string[] {
  const report = process.report?.getReport() as { sharedObjects?: string[] } | undefined
  const found = (report?.sharedObjects ?? []).filter(path => path.includes('.so') && existsSync(path))
  if (found.length === 0) throw new Error(`the agent's image has a Node that does not tell its libraries`)
  const folders = new Set(found.map(dirname))
  const later = loadedLater.flatMap(name => [...folders].map(folder => join(folder, name))).filter(existsSync)
  return [...new Set([...found, ...later])]
}

function copy(from: string, to: string): void {
  place(to, path => copyFileSync(from, path))
}

/** A file of an earlier run may be in use or another user's: it is replaced, not written into. */
function place(to: string, write: (path: string) => void): void {
  const path = root.path(to)
  const fresh = `${path}.new`
  rmSync(fresh, { force: true })
  write(fresh)
  chmodSync(fresh, 0o755)
  renameSync(fresh, path)
}

function unpack(text: string): Buffer {
  return brotliDecompressSync(Buffer.from(text, 'base64'))
}
