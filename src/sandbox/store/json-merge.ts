import { isDeepStrictEqual } from 'node:util'

/** RFC 7386. Neither argument is changed. */
export function mergePatched(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else define(result, key, mergePatched(Object.hasOwn(result, key) ? result[key] : undefined, value))
  }
  return result
}

export interface JsonPatchStep {
  op: string
  path: string
  from?: string
  value?: unknown
}

/** The document is not what the patch takes for granted. */
export class JsonPatchError extends Error {}

/** RFC 6902. Throws a {@link JsonPatchError}; the document itself is not changed. */
export function jsonPatched(document: unknown, steps: JsonPatchStep[]): unknown {
  let result = structuredClone(document)
  for (const step of steps) {
    const { path, from = '' } = isRecord(step) ? step : ({} as JsonPatchStep)
    if (typeof path !== 'string' || typeof from !== 'string') throw new JsonPatchError('a step without a path')
    result = applyStep(result, step)
  }
  return result
}

function applyStep(document: unknown, { op, path, from, value }: JsonPatchStep): unknown {
  if (op === 'test') {
    if (!isDeepStrictEqual(read(document, path), value)) throw new JsonPatchError(`test of ${path} failed`)
    return document
  }
  if (op === 'add') return write(document, path, value, 'add')
  if (op === 'replace') return write(document, path, value, 'replace')
  if (op === 'remove') return write(document, path, undefined, 'remove')
  if (op === 'copy') return write(document, path, structuredClone(read(document, from ?? '')), 'add')
  if (op === 'move') {
    const moved = read(document, from ?? '')
    return write(write(document, from ?? '', undefined, 'remove'), path, moved, 'add')
  }
  throw new JsonPatchError(`unknown operation ${op}`)
}

function read(document: unknown, path: string): unknown {
  return tokens(path).reduce((at, token) => {
    if (Array.isArray(at)) return at[indexOf(at, token, at.length - 1)]
    if (!isRecord(at) || !Object.hasOwn(at, token)) throw new JsonPatchError(`nothing at ${path}`)
    return at[token]
  }, document)
}

function write(document: unknown, path: string, value: unknown, mode: 'add' | 'replace' | 'remove'): unknown {
  const names = tokens(path)
  const last = names.pop()
  if (last === undefined) {
    if (mode === 'remove') throw new JsonPatchError('the whole document cannot be removed')
    return value
  }
  const parentPath = path.slice(0, path.lastIndexOf('/'))
  const parent = read(document, parentPath)
  if (Array.isArray(parent)) {
    const index =
      last === '-' && mode === 'add' ? parent.length : indexOf(parent, last, parent.length - (mode === 'add' ? 0 : 1))
    if (mode === 'remove') parent.splice(index, 1)
    else parent.splice(index, mode === 'add' ? 0 : 1, value)
  } else if (isRecord(parent)) {
    if (mode !== 'add' && !Object.hasOwn(parent, last)) throw new JsonPatchError(`nothing at ${path}`)
    if (mode === 'remove') delete parent[last]
    else define(parent, last, value)
  } else throw new JsonPatchError(`nothing at ${parentPath}`)
  return document
}

function tokens(path: string): string[] {
  if (path === '') return []
  if (!path.startsWith('/')) throw new JsonPatchError(`${path} is no path`)
  return path
    .slice(1)
    .split('/')
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function indexOf(list: unknown[], token: string, max: number): number {
  const index = Number(token)
  if (!/^(0|[1-9]\d*)$/.test(token) || index > max || index > list.length) throw new JsonPatchError(`no index ${token}`)
  return index
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `__proto__` is a key like any other. */
function define(record: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
}
