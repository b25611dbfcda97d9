import type { Command } from 'commander'
import { UserError } from '../../syncer/base/errors.ts'
import type { Invocation } from './io.ts'

/** What a shell can complete: commands with their descriptions and long options. */
interface Word {
  name: string
  description: string
  options: { flag: string; description: string; takesValue: boolean }[]
}

export async function completion(invocation: Invocation<unknown>, program: Command): Promise<number> {
  const [shell = ''] = invocation.names
  invocation.io.stdout.write(completionScript(shell, program))
  return 0
}

/** Throws `usage` for a shell that there is no script for. */
export function completionScript(shell: string, program: Command): string {
  const words = program.commands
    .filter(command => !command.name().startsWith('__'))
    .map(command => wordOf(command, program))
  switch (shell) {
    case 'bash':
      return bashScript(words)
    case 'zsh':
      return zshScript(words)
    case 'fish':
      return fishScript(words)
    default:
      throw new UserError('usage', `there is no completion for ${shell}`, { hint: 'use bash, zsh or fish' })
  }
}

function wordOf(command: Command, program: Command): Word {
  const options = [...command.options, ...program.options].filter(option => option.long && option.long !== '--version')
  return {
    name: command.name(),
    description: command.description(),
    options: options.map(option => ({
      flag: option.long ?? '',
      description: option.description ?? '',
      takesValue: option.required,
    })),
  }
}

const SHELLS = 'bash zsh fish'

function takesPaths(command: string): boolean {
  return command === 'restore'
}

function isPath(flag: string): boolean {
  return flag === '--file' || flag === '--to'
}

function bashScript(words: Word[]): string {
  const cases = words.map(({ name, options }) => {
    const more = name === 'completion' ? `${SHELLS} ` : ''
    // Where paths are wanted, files; what begins with a dash is an option.
    const files = takesPaths(name)
      ? `[[ "$current" == -* ]] || { COMPREPLY=($(compgen -f -- "$current")); return; }; `
      : ''
    return `    ${name}) ${files}words="${more}${options.map(option => option.flag).join(' ')} --help" ;;`
  })
  return `# bash completion for podswap
_podswap() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" word words
  COMPREPLY=()
  case "$previous" in
    -f|--file|--to) COMPREPLY=($(compgen -f -- "$current")); return ;;
    -n|--namespace|--context|--timeout|--at|--since) return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      --) return ;;
      ${words.map(word => word.name).join('|')}) command="$word"; break ;;
    esac
  done
  case "$command" in
${cases.join('\n')}
    *) words="${words.map(word => word.name).join(' ')} help --help --version" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _podswap podswap
`
}

function zshScript(words: Word[]): string {
  const commands = words.map(({ name, description }) => `    ${quote(`${name}:${description}`)}`)
  const cases = words.map(({ name, options }) => {
    const lines = options.map(option => quote(`${option.flag}[${bracketSafe(option.description)}]${zshValue(option)}`))
    const paths = takesPaths(name) ? [quote('*:path:_files')] : []
    const more = name === 'completion' ? [quote(`1:shell:(${SHELLS})`)] : paths
    return `    ${name}) _arguments ${[...more, ...lines].join(' ')} ;;`
  })
  return `#compdef podswap
_podswap() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case "$words[1]" in
${cases.join('\n')}
  esac
}
compdef _podswap podswap
`
}

function zshValue(option: Word['options'][number]): string {
  if (!option.takesValue) return ''
  return isPath(option.flag) ? ':file:_files' : ':value:'
}

function fishScript(words: Word[]): string {
  const lines = ['# fish completion for podswap', 'complete -c podswap -f']
  for (const { name, description, options } of words) {
    lines.push(`complete -c podswap -n __fish_use_subcommand -a ${name} -d ${quote(description)}`)
    for (const option of options) {
      const value = option.takesValue ? (isPath(option.flag) ? ' -r -F' : ' -x') : ''
      const condition = quote(`__fish_seen_subcommand_from ${name}`)
      lines.push(
        `complete -c podswap -n ${condition} -l ${option.flag.slice(2)}${value} -d ${quote(option.description)}`,
      )
    }
    if (takesPaths(name)) lines.push(`complete -c podswap -n ${quote(`__fish_seen_subcommand_from ${name}`)} -F`)
    if (name === 'completion') {
      lines.push(`complete -c podswap -n '__fish_seen_subcommand_from completion' -a '${SHELLS}'`)
    }
  }
  return `${lines.join('\n')}\n`
}

function bracketSafe(text: string): string {
  return text.replace(/[[\]:]/g, match => `\\${match}`)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
