import { resolve } from 'node:path'
import type { Fields } from './fields.ts'
import type { SecretFile, SyncFolder } from './manifest.ts'
import { quotePath, quoteText } from './quote-text.ts'
import { asScalar } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { sourceBytesMax } from './source-text.ts'
import { normalisedRemote, reservedFolder, splitAtColons } from './sync-folder.ts'
import { joinedPair, type YamlNode, type YamlScalar } from './yaml-node.ts'

const secretsMax = 100
/** Okteto's is 0644; a key that others can read is refused by ssh, and nobody else needs it. */
const modeDefault = 0o600

/** `secrets`: files of the laptop for the container, `local:remote` or `local:remote:mode`. No message shows a content. */
export function readSecrets(reading: Reading, fields: Fields, sync: SyncFolder[]): SecretFile[] | undefined {
  const node = fields.value('secrets')
  if (node === undefined) return undefined
  const items = node.kind === 'list' ? node.items : [node]
  const extra = items[secretsMax]
  if (extra !== undefined) reading.complaints.error(extra.at, `more than ${secretsMax} secrets`)
  const secrets: SecretFile[] = []
  for (const item of items.slice(0, secretsMax)) {
    reading.spend(1, item.at)
    const secret = readSecret(reading, item)
    if (secret === undefined) continue
    const first = secrets.find(({ remote }) => remote === secret.remote)
    const folder = sync.find(({ remote }) => `${secret.remote}/`.startsWith(`${remote}/`))
    if (first !== undefined) {
      reading.complaints.error(secret.at, `this secret is there twice, first in line ${first.at.line}`)
    } else if (folder !== undefined) {
      const message = `a secret cannot lie in a synced folder (line ${folder.at.line}): it would come back to the laptop`
      reading.complaints.error(secret.at, message, 'choose another place, or let sync bring the file')
    } else secrets.push(secret)
  }
  return secrets.length > 0 ? secrets : undefined
}

function readSecret(reading: Reading, item: YamlNode): SecretFile | undefined {
  const scalar = joinedPair(item, []) ?? asScalar(reading, item, 'secrets')
  if (scalar === undefined) return undefined
  const { complaints } = reading
  const parts = splitAtColons(scalar.text)
  const [local, remote, mode] = parts
  if (local === undefined || remote === undefined || parts.length > 3) {
    const hint = 'such as ~/.netrc:/root/.netrc, or key.pem:/etc/key.pem:0400'
    complaints.error(scalar.at, `${quoteText(scalar.text)} is not local:remote or local:remote:mode`, hint)
    return undefined
  }
  const before = complaints.errorCount
  const file = readLocal(reading, scalar, local)
  const path = readRemote(reading, scalar, remote)
  const bits = mode === undefined ? modeDefault : parseMode(mode.text)
  if (bits === undefined) {
    const hint = 'such as 0600 or 0644; whoever owns it must be able to read it'
    complaints.error(scalar.at, `${quoteText(mode?.text ?? '')} is not the mode of a secret`, hint)
  }
  if (complaints.errorCount > before || file === undefined || path === undefined || bits === undefined) return undefined
  return { local: file, remote: path, mode: bits, at: scalar.at }
}

interface Part {
  text: string
  from: number
}

function readLocal(reading: Reading, scalar: YamlScalar, { text, from }: Part): string | undefined {
  const { around, complaints } = reading
  const expanded = reading.expandVital(scalar, text, from, 'secrets')
  if (expanded === undefined) return undefined
  const path = /^~(?=[/\\]|$)/.test(expanded) ? around.home + expanded.slice(1) : expanded
  const file = resolve(around.baseFolder, path)
  const shown = text.includes('$') ? quoteText(text) : quotePath(file)
  const hint = 'a local path counts from the folder of the manifest'
  const stat = statOf(reading, file)
  if (stat === null) complaints.error(scalar.at, `there is no file ${shown}`, hint)
  else if (stat === 'unreadable') complaints.error(scalar.at, `${shown} cannot be looked at`)
  else if (stat.kind !== 'file') complaints.error(scalar.at, `${shown} is not a file`, hint)
  else if (stat.sizeBytes > sourceBytesMax) complaints.error(scalar.at, `${shown} is larger than 1 MiB`)
  else return file
  return undefined
}

function statOf(reading: Reading, file: string) {
  try {
    return reading.around.files.stat(file)
  } catch {
    return 'unreadable' as const
  }
}

function readRemote(reading: Reading, scalar: YamlScalar, { text, from }: Part): string | undefined {
  const expanded = reading.expandVital(scalar, text, from, 'secrets')
  if (expanded === undefined) return undefined
  const { complaints } = reading
  const path = normalisedRemote(expanded)
  const reserved = reservedFolder(path)
  if (!expanded.startsWith('/') || expanded.endsWith('/')) {
    complaints.error(scalar.at, `${quoteText(text)} must be the absolute path of a file in the container`)
  } else if (reserved !== undefined) complaints.error(scalar.at, `${reserved} in the container cannot hold a secret`)
  else if (path.includes('\0')) complaints.error(scalar.at, 'a path cannot hold a NUL character')
  else return path
  return undefined
}

/** Octal digits, as `chmod` takes them; its owner must be able to read the file. */
function parseMode(text: string): number | undefined {
  if (!/^(?:0o?)?[0-7]{3}$/.test(text)) return undefined
  const mode = Number.parseInt(text.replace(/^0o/, ''), 8)
  return (mode & 0o400) === 0 ? undefined : mode
}
