/** A fenced block of code. */
export interface Block {
  language: string
  /** Line of the document on which its first line stands. */
  line: number
  lines: string[]
  /** The comment on the line before it, without its arrows. */
  marker?: string
}

/** A command of a shell, as words without their quotes. */
export interface ShellCommand {
  words: string[]
  /** Line of the document. */
  line: number
}

export function blocksOf(markdown: string): Block[] {
  const found: Block[] = []
  let open: Block | undefined
  const all = markdown.split('\n')
  for (const [index, line] of all.entries()) {
    const fence = /^\s*```(\w*)/.exec(line)
    if (fence && open) {
      found.push(open)
      open = undefined
    } else if (fence) {
      const marker = /^\s*<!-- (.*) -->$/.exec(all[index - 1] ?? '')?.[1]
      open = { language: fence[1]!, line: index + 2, lines: [], ...(marker !== undefined && { marker }) }
    } else open?.lines.push(line)
  }
  return found
}

/** Code inside of lines; blocks are left out. */
export function inlineCodes(markdown: string): { code: string; line: number }[] {
  return withoutBlocks(markdown).flatMap((text, index) =>
    [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => ({ code: code!, line: index + 1 })),
  )
}

/** Links that do not lead into the web. */
export function linksOf(markdown: string): { file: string; anchor: string; line: number }[] {
  return withoutBlocks(markdown).flatMap((text, index) =>
    [...text.matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(([, file, anchor]) => ({
      file: file!,
      anchor: anchor ?? '',
      line: index + 1,
    })),
  )
}

/** Anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = withoutBlocks(markdown).flatMap(text => /^#+\s+(.*)$/.exec(text)?.[1] ?? [])
  return new Set(
    headings.map(heading =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  )
}

/**
 * What a reader would type: every line of a block in `sh`, the lines behind `$ ` of one in `console`, whose others are
 * output.
 */
export function commandsOf(markdown: string): ShellCommand[] {
  return blocksOf(markdown).flatMap(({ language, line, lines }) => {
    if (language === 'sh') return joinContinued(lines).flatMap((text, index) => shellCommands(text, line + index))
    if (language !== 'console') return []
    return lines.flatMap((text, index) => (text.startsWith('$ ') ? shellCommands(text.slice(2), line + index) : []))
  })
}

/** Splits at `&&`, `||`, `;` and `|`; quotes hold words together, `#` begins a comment. */
export function shellCommands(text: string, line: number): ShellCommand[] {
  const commands: string[][] = [[]]
  const token = /\s+|#.*$|(&&|\|\||;|\|)|((?:'[^']*'|"(?:[^"\\]|\\.)*"|[^\s'"|;&]|&(?!&))+)/y
  while (token.lastIndex < text.length) {
    const match = token.exec(text)
    if (match === null) throw new Error(`line ${line}: cannot read ${text}`)
    if (match[1] !== undefined) commands.push([])
    if (match[2] !== undefined) commands.at(-1)!.push(unquoted(match[2]))
  }
  return commands.filter(words => words.length > 0).map(words => ({ words, line }))
}

function unquoted(word: string): string {
  return word.replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"/g, (_, single, double) => single ?? double)
}

function withoutBlocks(markdown: string): string[] {
  let isInside = false
  return markdown.split('\n').map(text => {
    const isFence = /^\s*```/.test(text)
    if (isFence) isInside = !isInside
    return isFence || isInside ? '' : text
  })
}

/** Lines that end in a backslash go on in the next; each line keeps its place. */
function joinContinued(lines: string[]): string[] {
  const joined = [...lines]
  for (let i = joined.length - 2; i >= 0; i--) {
    if (!joined[i]!.endsWith('\\')) continue
    joined[i] = joined[i]!.slice(0, -1) + joined[i + 1]!
    joined[i + 1] = ''
  }
  return joined
}
