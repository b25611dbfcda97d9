/** Where the image's NODE_OPTIONS are kept for programs that are not ours: our own Node runs without them. */
export const keptOptionsVariable = 'PODSWAP_NODE_OPTIONS'

/**
 * Shell scripts that stand for the loader, Node and `init` where a pod is a process tree of a machine that cannot run
 * the delivered ones. `PODSWAP_INIT` is the path of a Node program with the verbs `boot` and `pty` of
 * `native/init.c`; undefined where it is not set. There are no `pipes`: the agent does with sockets then.
 */
export function portableFiles(
  environment: Readonly<Record<string, string | undefined>>,
): Record<'loader' | 'node' | 'init', string> | undefined {
  const { PODSWAP_ROOT, PODSWAP_INIT } = environment
  if (!PODSWAP_ROOT || !PODSWAP_INIT) return undefined
  const run = `exec ${quote(process.execPath)}`
  const kept = keptOptionsVariable
  return {
    // --library-path LIB NODE ...
    loader: '#!/bin/sh\nshift 2\nexec "$@"\n',
    node: `#!/bin/sh\n${run} "$@"\n`,
    init: `#!/bin/sh
if [ -n "$NODE_OPTIONS" ]; then export ${kept}="$NODE_OPTIONS"; fi
unset NODE_OPTIONS
case "$1" in
  exec) shift; exec "$@" ;;
  pipes) exit 125 ;;
esac
${run} ${quote(PODSWAP_INIT)} "$@"
`,
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
