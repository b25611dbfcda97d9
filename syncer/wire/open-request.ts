import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type {
  AgentCall,
  ExecRequest,
  OpenRequest,
  ReverseRequest,
  SecretRequest,
  SyncRequest,
  TcpRequest,
  TerminalRequest,
} from './services.ts'

/** Checks what a stream asks for. Throws {@link ProtocolError} with what is wrong. */
export function parseOpenRequest(value: unknown): OpenRequest {
  const fields = asObject(value, 'the request')
  switch (fields.kind) {
    case 'sync':
      return parseSync(fields)
    case 'tcp':
      return parseTcp(fields)
    case 'listen':
      return { kind: 'listen', port: asPort(fields.port) }
    case 'exec':
      return parseExec(fields)
    case 'terminal':
      return parseTerminal(fields)
    case 'secret':
      return parseSecret(fields)
    case 'call':
      return { kind: 'call', call: parseCall(asObject(fields.call, 'call')) }
    default:
      throw new ProtocolError('a request of unknown kind')
  }
}

/** Checks what the agent asks of the laptop. Throws {@link ProtocolError} likewise. */
export function parseReverseRequest(value: unknown): ReverseRequest {
  const fields = asObject(value, 'the request')
  if (fields.kind !== 'reverse') throw new ProtocolError('a request of unknown kind')
  return { kind: 'reverse', port: asPort(fields.port) }
}

type Fields = Record<string, unknown>

const argumentsMax = 65_536
const sizeMax = 0xffff
const timeoutMsMax = 60_000

function parseSync(fields: Fields): SyncRequest {
  if (fields.lane !== 'control' && fields.lane !== 'bulk') throw new ProtocolError('lane is control or bulk')
  return {
    kind: 'sync',
    lane: fields.lane,
    folder: asPath(fields.folder, 'folder'),
    session: asText(fields.session, 'session', limits.nameBytesMax),
    attempt: asInteger(fields.attempt, 'attempt', 0, Number.MAX_SAFE_INTEGER),
    fence: asInteger(fields.fence, 'fence', 0, Number.MAX_SAFE_INTEGER),
  }
}

function parseTcp(fields: Fields): TcpRequest {
  return { kind: 'tcp', ...asAddress(fields) }
}

function parseExec(fields: Fields): ExecRequest {
  return {
    kind: 'exec',
    argv: asCommand(fields.argv),
    cwd: optional(fields.cwd, cwd => asPath(cwd, 'cwd')),
    env: optional(fields.env, asEnvironment),
    terminal: optional(fields.terminal, value => {
      const terminal = asObject(value, 'terminal')
      return { ...asSize(terminal), term: asText(terminal.term, 'term', limits.nameBytesMax) }
    }),
  }
}

function parseTerminal(fields: Fields): TerminalRequest {
  return { kind: 'terminal', ...asSize(fields) }
}

function parseSecret(fields: Fields): SecretRequest {
  const name = asText(fields.name, 'name', limits.nameBytesMax)
  if (!/^[0-9a-f]+$/.test(name)) throw new ProtocolError('name is hexadecimal')
  return { kind: 'secret', name, path: asPath(fields.path, 'path'), mode: asInteger(fields.mode, 'mode', 0, 0o777) }
}

function parseCall(fields: Fields): AgentCall {
  switch (fields.method) {
    case 'start-command':
      return {
        method: 'start-command',
        argv: asCommand(fields.argv),
        cwd: optional(fields.cwd, cwd => asPath(cwd, 'cwd')),
        ...(fields.makesFolder === true && { makesFolder: true }),
        env: asEnvironment(fields.env),
        ...asSize(fields),
      }
    case 'command-state':
    case 'stop-command':
    case 'agent-state':
      return { method: fields.method }
    case 'open-port':
      return { method: 'open-port', packed: fields.packed === true }
    case 'probe-tcp':
      return {
        method: 'probe-tcp',
        ...asAddress(fields),
        timeoutMs: asInteger(fields.timeoutMs, 'timeoutMs', 1, timeoutMsMax),
      }
    default:
      throw new ProtocolError('a call of unknown method')
  }
}

function asAddress(fields: Fields): { host: string; port: number } {
  const host = asText(fields.host, 'host', limits.nameBytesMax)
  if (host === '') throw new ProtocolError('host is empty')
  return { host, port: asPort(fields.port) }
}

function asPort(value: unknown): number {
  return asInteger(value, 'port', 1, 65_535)
}

function asSize(fields: Fields): { columns: number; rows: number } {
  return {
    columns: asInteger(fields.columns, 'columns', 1, sizeMax),
    rows: asInteger(fields.rows, 'rows', 1, sizeMax),
  }
}

function asCommand(value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > argumentsMax) {
    throw new ProtocolError('argv is a list that is not empty')
  }
  const argv = value.map(argument => asText(argument, 'argv', limits.openPayloadBytesMax))
  if (argv[0] === '') throw new ProtocolError('argv names no program')
  return argv
}

function asEnvironment(value: unknown): Record<string, string> {
  const entries = Object.entries(asObject(value, 'env')).map(([name, text]) => {
    if (name === '' || name.includes('=') || name.includes('\0'))
      throw new ProtocolError('env holds a name that is none')
    return [name, asText(text, 'env', limits.openPayloadBytesMax)]
  })
  return Object.fromEntries(entries)
}

function asPath(value: unknown, name: string): string {
  const path = asText(value, name, limits.pathBytesMax)
  if (!path.startsWith('/')) throw new ProtocolError(`${name} is an absolute path`)
  return path
}

function asText(value: unknown, name: string, bytesMax: number): string {
  if (typeof value !== 'string' || value.includes('\0') || Buffer.byteLength(value) > bytesMax) {
    throw new ProtocolError(`${name} is a text of at most ${bytesMax} bytes`)
  }
  return value
}

function asInteger(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new ProtocolError(`${name} is a whole number from ${least} to ${most}`)
  }
  return value
}

function asObject(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ProtocolError(`${name} is an object`)
  }
  return value as Fields
}

function optional<T>(value: unknown, parse: (value: unknown) => T): T | undefined {
  return value === undefined ? undefined : parse(value)
}
