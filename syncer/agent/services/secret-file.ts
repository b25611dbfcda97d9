import fs from 'node:fs'
import { dirname } from 'node:path'
import { limits } from '../../base/limits.ts'
import { podLayout } from '../../base/pod-layout.ts'
import type { MuxStream } from '../../wire/mux-stream.ts'
import type { CallAnswer, PlacedSecret, SecretRequest } from '../../wire/services.ts'
import type { AgentContext } from '../agent-context.ts'

/**
 * Takes a secret's content from its stream, into the memory volume, and has its path lead there. The stream then carries
 * a {@link CallAnswer}: the system's error code where that path cannot be written.
 */
export function takeSecret(context: AgentContext, request: SecretRequest, stream: MuxStream): void {
  stream.accept()
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= limits.secretBytesMax) chunks.push(chunk)
    else stream.reset('too-long', 'a secret is larger than 1 MiB')
  })
  stream.once('end', () => {
    if (stream.destroyed) return
    stream.end(JSON.stringify(answer(context.root.path(podLayout.secrets), request, Buffer.concat(chunks))))
  })
}

function answer(folder: string, request: SecretRequest, content: Buffer): CallAnswer {
  try {
    return { result: placeSecret(folder, request, content) }
  } catch (error) {
    const { code = 'internal', message } = error as NodeJS.ErrnoException
    return { error: { code, message } }
  }
}

/**
 * Writes the content below `folder`, never readable by more than its mode says, and links `path` to it. What stands at
 * `path` and is no such link is moved aside. Throws the system's error.
 */
export function placeSecret(
  folder: string,
  { name, path, mode }: Pick<SecretRequest, 'name' | 'path' | 'mode'>,
  content: Buffer,
): PlacedSecret {
  const file = `${folder}/${name}`
  const fresh = `${folder}/.${name}.new`
  fs.rmSync(fresh, { force: true })
  fs.writeFileSync(fresh, content, { mode: 0o600, flag: 'wx' })
  // the umask has its say in what a file is made with
  fs.chmodSync(fresh, mode)
  fs.renameSync(fresh, file)
  return linkTo(file, path)
}

function linkTo(file: string, path: string): PlacedSecret {
  const there = fs.lstatSync(path, { throwIfNoEntry: false })
  if (there?.isSymbolicLink() && fs.readlinkSync(path) === file) return {}
  if (there?.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' })
  const movedTo = `${path}.before-podswap`
  if (there && fs.lstatSync(movedTo, { throwIfNoEntry: false })) {
    throw Object.assign(new Error(`${path} and ${movedTo} are there`), { code: 'EEXIST' })
  }
  if (there) fs.renameSync(path, movedTo)
  else fs.mkdirSync(dirname(path), { recursive: true })
  fs.symlinkSync(file, path)
  return there ? { movedTo } : {}
}
