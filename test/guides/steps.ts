import { type Block, blocksOf } from '../meta/markdown.ts'

/** A command line with what the document shows that it prints. */
export interface ShownCommand {
  script: string
  /** Each must be among the printed lines. */
  output: string[]
}

export type Setting = 'sandbox' | 'cluster'

/** What a marked block asks for. */
export type Step = { at: string; as: string } & (
  | { kind: 'file'; path: string; text: string }
  | {
      kind: 'run'
      setting: Setting
      commands: ShownCommand[]
      /** Exit code of the last command. */
      exit: number
      /** It goes on while the next blocks run, once it has printed this. */
      until?: string
      /** It is run again until it prints what is shown: the text before says to wait for it. */
      isEventual: boolean
    }
)

const form = '`runnable: sandbox` or `runnable: cluster`, `not runnable: REASON`, or `file: PATH`'

/**
 * The blocks of a document that a test runs, or takes as files. Throws for a block of shell commands that says neither
 * where it runs nor why it does not.
 */
export function stepsOf(path: string, markdown: string): Step[] {
  return blocksOf(markdown).flatMap(block => stepOf(block, `${path}:${block.line}`) ?? [])
}

function stepOf(block: Block, at: string): Step | undefined {
  const isShell = block.language === 'sh' || block.language === 'console'
  const [head = '', ...more] = (block.marker ?? '').split('; ')
  const [, name, value = ''] = /^([a-z ]+): (.+)$/.exec(head) ?? []
  const as = more.find(each => each.startsWith('as '))?.slice(3) ?? 'ann'
  switch (name) {
    case 'file':
      return { kind: 'file', at, as, path: value, text: `${block.lines.join('\n')}\n` }
    case 'runnable':
      if (!isShell) throw new Error(`${at}: only sh and console can be run`)
      return runOf(block, { at, as, setting: value, more })
    case 'not runnable':
      return undefined
    default:
      if (isShell) throw new Error(`${at}: the line before this block must be a comment with ${form}`)
      return undefined
  }
}

function runOf(
  block: Block,
  { at, as, setting, more }: { at: string; as: string; setting: string; more: string[] },
): Step {
  if (setting !== 'sandbox' && setting !== 'cluster') throw new Error(`${at}: there is no setting ${setting}`)
  const known = /^(as \w+|exit \d+|until "[^"]+"|eventually)$/
  const unknown = more.find(each => !known.test(each))
  if (unknown !== undefined) throw new Error(`${at}: ${unknown} is no way to run a block`)
  const commands = block.language === 'sh' ? [{ script: block.lines.join('\n'), output: [] }] : shownCommands(block, at)
  const until = more.find(each => each.startsWith('until '))?.slice('until "'.length, -1)
  const exit = Number(more.find(each => each.startsWith('exit '))?.slice('exit '.length) ?? 0)
  const isEventual = more.includes('eventually')
  return { kind: 'run', at, as, setting, commands, exit, isEventual, ...(until !== undefined && { until }) }
}

/** `$ ` stands before a command, what follows is what it prints. */
function shownCommands({ lines }: Block, at: string): ShownCommand[] {
  const commands: ShownCommand[] = []
  for (const line of lines) {
    const last = commands.at(-1)
    if (line.startsWith('$ ')) commands.push({ script: line.slice(2), output: [] })
    else if (last === undefined) throw new Error(`${at}: output before the first command`)
    else if (last.script.endsWith('\\')) last.script += `\n${line}`
    else if (line !== '') last.output.push(line)
  }
  return commands
}

/**
 * A line as two runs have it in common: times, sizes, names of pods and processes, and what differs by place are left
 * out. `…` stands for anything.
 */
export function shownLinePattern(line: string): RegExp {
  const varying: [RegExp, string][] = [
    [/\b(web|api|worker|postgres)(-podswap)?-[a-z0-9]{6,10}-[a-z0-9]{5}\b/, '[a-z0-9-]+'],
    [/\b\d+(\.\d+)? (B|KB|MB)\b/, '[\\d.]+ (B|KB|MB)'],
    [/\b\d+(\.\d+)? (s|ms|min)\b/, '[\\d.]+ (s|ms|min)'],
    [/\bprocess \d+\b/, 'process \\d+'],
    [/\blocalhost:\d+/, 'localhost:\\d+'],
    [/\b\w+@laptop\b/, '\\S+@\\S+'],
    [/\/home\/\w+\/\S+/, '\\S+'],
    [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b/, '[-\\d]+ [:\\d]+'],
    [/\bconflict-\d{8}-\d{6}-/, 'conflict-\\d{8}-\\d{6}-'],
    [/[0-9a-f]{8}-[0-9a-f-]{27}/, '[0-9a-f-]+'],
    [/…/, '.*'],
  ]
  // the marks of a terminal's lines are words elsewhere
  let rest = line.trim().replace(/^[✓✗!] /, '')
  let pattern = ''
  while (rest !== '') {
    const hits = varying.flatMap(([from, to]) => {
      const match = from.exec(rest)
      return match ? [{ at: match.index, length: match[0].length, to }] : []
    })
    const first = hits.sort((a, b) => a.at - b.at)[0] ?? { at: rest.length, length: 0, to: '' }
    pattern += rest.slice(0, first.at).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') + first.to
    rest = rest.slice(first.at + first.length)
  }
  return new RegExp(`^\\s*([✓✗!] |warning: )?${pattern}\\s*$`, 'm')
}
