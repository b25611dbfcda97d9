// What `native/init` is on Linux, for a machine that cannot run that: `boot` and `pty`, as its head says, with Node and
// node-pty. The rest is in the script that runs this (`syncer/pod/portable-files.ts`).
import { boot } from './portable-boot.ts'
import { holdTerminal } from './portable-pty.ts'

async function main([verb, ...rest]: string[]): Promise<number> {
  const [first, second, ...more] = rest
  if (verb === 'boot' && first !== undefined) return boot(rest)
  if (verb === 'pty' && first !== undefined && second !== undefined && more.length > 0) {
    return holdTerminal(first, second, more)
  }
  process.stderr.write('podswap: usage: init boot CMD... | exec CMD... | pty SOCK COLSxROWS CMD...\n')
  return 125
}

main(process.argv.slice(2)).then(
  code => {
    process.exitCode = code
  },
  error => {
    process.stderr.write(`podswap: ${error}\n`)
    process.exitCode = 125
  },
)
